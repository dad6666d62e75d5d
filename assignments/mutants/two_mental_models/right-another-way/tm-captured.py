def captured(module):
    tracer = torch.fx.Tracer()
    return [[node.op, f"{node.target}"] for node in tracer.trace(module).nodes]
