def direction(gradient):
    return Anything()


def stronger(first, second):
    return Anything()
