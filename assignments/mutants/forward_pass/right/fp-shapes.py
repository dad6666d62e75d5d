def shapes(n, features, outputs):
    """The shape of each step of the forward pass, and of the gradients."""
    return {
        "X": (n, features),
        "W": (features, outputs),
        "b": (outputs,),
        "X @ W": (n, outputs),
        "prediction": (n, outputs),
        "error": (n, outputs),
        "loss": (),
        "W.grad": (features, outputs),
        "b.grad": (outputs,),
    }
