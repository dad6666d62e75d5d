def recorded(x):
    leaf = torch.tensor(x.tolist(), requires_grad=True)
    node = recipe(leaf).grad_fn
    names = []
    while node is not None and "Accumulate" not in node.name():
        names.append(node.name())
        node = node.next_functions[0][0]
    return names
