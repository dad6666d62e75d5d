def layer(x, weight, bias):
    print(x @ weight.T + bias)
