def make_parameters(features, outputs):
    W = torch.nn.Parameter(torch.empty(features, outputs))
    torch.nn.init.normal_(W, std=0.1)
    return W, torch.nn.Parameter(torch.zeros(outputs))
