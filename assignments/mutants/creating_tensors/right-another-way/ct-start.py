def start(inputs, outputs):
    w = torch.empty((inputs, outputs))
    w.normal_()
    return [w, torch.full((outputs,), 0.0)]
