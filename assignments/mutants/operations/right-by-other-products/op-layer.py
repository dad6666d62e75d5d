def layer(x, weight, bias):
    return (weight @ x.T).T + bias
