def recorded(x):
    def walk(node):
        name = type(node).__name__
        return [] if name == "AccumulateGrad" else [*walk(node.next_functions[0][0]), name]

    return tuple(walk(recipe(nn.Parameter(x.detach())).grad_fn))
