def step(W_value, gradient, lr):
    W = torch.tensor(W_value, requires_grad=True)
    W.grad = torch.tensor(gradient)
    torch.optim.SGD([W], lr=lr).step()
    return W


W_new = step(3.0, -16.0, 0.1).item()
