def direction(gradient):
    if gradient == 0:
        return 'keep'
    return 'increase' if gradient < 0 else 'decrease'


def stronger(first, second):
    return max(first, second, key=abs)
