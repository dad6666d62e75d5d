def direction(gradient):
    print('asked about', gradient)
    return {-1.0: 'increase', 0.0: 'keep', 1.0: 'decrease'}[float(np.sign(gradient))]


def stronger(first, second):
    return first if first**2 > second**2 else second
