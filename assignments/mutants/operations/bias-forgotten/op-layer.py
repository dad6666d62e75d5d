def layer(x, weight, bias):
    return x @ weight.T
