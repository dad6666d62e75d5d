predicted = {}
for function in (by_value, by_where, fixed_loop, until_small):
    try:
        torch.fx.symbolic_trace(function)
    except Exception:
        predicted[function.__name__] = False
    else:
        predicted[function.__name__] = True
nodes = torch.fx.symbolic_trace(fixed_loop).graph.nodes
predicted["divisions"] = len([node for node in nodes if "truediv" in str(node.target)])
noted.clear()
traced = torch.fx.symbolic_trace(with_a_note)
[traced(torch.ones(1)) for _ in range(3)]
predicted["notes"] = len(noted)
