def softmax(x, dim):
    largest = torch.max(x, dim, keepdim=True).values.detach()
    return (x - largest - torch.logsumexp(x - largest, dim, keepdim=True)).exp()
