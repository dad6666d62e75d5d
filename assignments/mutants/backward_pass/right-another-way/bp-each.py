def gradient_of_each(W_value, inputs, target):
    layer = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        layer.weight.fill_(W_value)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    found = []
    for x in inputs:
        optimizer.zero_grad()
        loss = (layer(torch.tensor([[float(x)]])) - target).pow(2).sum()
        loss.backward()
        found.append(layer.weight.grad.clone())
    return found
