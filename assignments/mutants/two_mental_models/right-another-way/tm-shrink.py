def shrink(x):
    if torch.all(torch.abs(x) < 1):
        return x, 0
    small, count = shrink(0.5 * x)
    return small, np.int64(count + 1)
