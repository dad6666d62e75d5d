def shapes(n, features, outputs):
    return {"X": (n, features}
