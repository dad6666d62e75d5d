i = torch.tensor([1, 2, 3])
f = torch.tensor([0.5, 1.5, 2.5])
d = f.double()
m = torch.ones(2, 3)
dtypes = {text: str(eval(text).dtype) for text in ("i + 1", "i / 2", "i // 2", "i * 0.5", "f + d", "i > 1")}
shapes = {text: list(eval(text).shape) for text in ("m[0]", "m.sum()", "m.T", "m.reshape(3, -1)", "m.unsqueeze(0)", "m[:, 0:1]")}
