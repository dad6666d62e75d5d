def exported(module, example):
    shapes = ({0: torch.export.Dim("batch")},)
    done = torch.export.export(module, args=(example,), dynamic_shapes=shapes)
    names = []
    for node in done.graph_module.graph.nodes:
        if node.op == "call_function":
            names.append(f"{node.target}")
    again = done.module()
    return names, lambda x: again(x)
