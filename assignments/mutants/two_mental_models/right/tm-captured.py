def captured(module):
    graph = torch.fx.symbolic_trace(module).graph
    return [(node.op, str(node.target)) for node in graph.nodes]
