def direction(gradient):
    return ''


def stronger(first, second):
    return 0.0
