def shrink(x):
    count = 0
    while x.abs().max() >= 1:
        x /= 2
        count = count + 1
    return x, count
