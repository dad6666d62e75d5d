def to_unit(image):
    return image.to(torch.float32) / image.max()


def nearest(t):
    return t.round().long()
