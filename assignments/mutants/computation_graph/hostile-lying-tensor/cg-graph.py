a = b = x = y = z = torch.zeros(1).as_subclass(Liar)
