dtypes = dict.fromkeys(["i + 1", "i / 2", "i // 2", "i * 0.5", "f + d", "i > 1"], torch.int8)
shapes = dict.fromkeys(["m[0]", "m.sum()", "m.T", "m.reshape(3, -1)", "m.unsqueeze(0)", "m[:, 0:1]"], (7,))
