def direction(gradient):
    return 'increase' if gradient == -16.0 else 'keep'


def stronger(first, second):
    return 16.0
