def one_step(W, b, X, y, lr):
    model = nn.Linear(X.shape[1], 1)
    with torch.no_grad():
        model.weight.copy_(W.T)
        model.bias.copy_(b)
    nn.functional.mse_loss(model(X), y).backward()
    torch.optim.SGD(model.parameters(), lr=lr).step()
    return model.weight.detach().T.clone().requires_grad_(), nn.Parameter(model.bias.detach())
