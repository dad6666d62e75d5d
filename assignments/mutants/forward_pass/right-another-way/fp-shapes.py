def shapes(n, features, outputs):
    X, W, b = [n, features], [features, outputs], [outputs]
    out = torch.Size((n, outputs))
    return {"loss": [], "X": X, "W": W, "b": b, "W.grad": W, "b.grad": b, "X @ W": out, "prediction": out, "error": out, "y": out}
