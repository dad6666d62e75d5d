def captured(module):
    return [("call_module", name) for name, _ in module.named_children()]
