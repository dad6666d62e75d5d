def direction(gradient):
    if gradient < 0:
        return 'increase'
    return 'decrease' if gradient > 0 else 'keep'


def stronger(first, second):
    return max(first, second)
