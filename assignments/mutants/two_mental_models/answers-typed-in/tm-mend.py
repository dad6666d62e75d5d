def mended(x):
    return 2 * x if x[0] > 0 else -x


program = mended
