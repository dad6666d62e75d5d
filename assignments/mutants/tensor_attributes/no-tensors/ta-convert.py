def to_unit(image):
    return (image / 255).tolist()


def nearest(t):
    return t.numpy().round()
