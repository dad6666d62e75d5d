def direction(gradient):
    return Word("keep")


def stronger(first, second):
    return max(first, second, key=abs)
