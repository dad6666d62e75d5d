def make_data(n, true_W, true_b, noise):
    X = torch.normal(0.0, 1.0, size=(n, true_W.shape[0]))
    line = torch.einsum("nf,fo->no", X, true_W) + true_b
    return [X, line + torch.empty_like(line).normal_(std=1.0) * noise]
