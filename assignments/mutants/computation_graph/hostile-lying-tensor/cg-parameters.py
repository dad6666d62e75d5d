data = torch.zeros(1).as_subclass(Liar)
w = torch.zeros(1).as_subclass(Liar)
