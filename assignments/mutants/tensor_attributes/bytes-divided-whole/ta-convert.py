def to_unit(image):
    return image // 255


def nearest(t):
    return t.round().long()
