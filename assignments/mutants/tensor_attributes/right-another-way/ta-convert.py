def to_unit(image):
    return image.float().mul(1 / 255)


def nearest(t):
    return torch.floor(t + 0.5).to(torch.int64)
