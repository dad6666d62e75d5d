def layer(x, weight, bias):
    return torch.einsum("ei,oi->eo", x, weight) + bias
