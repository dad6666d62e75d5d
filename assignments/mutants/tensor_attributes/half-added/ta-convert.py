def to_unit(image):
    return image.to(torch.float32) / 255


def nearest(t):
    return (t + 0.5).long()
