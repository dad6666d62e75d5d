dtypes = {"i + 1": torch.int64, "i / 2": torch.float32, "i // 2": torch.int64}
dtypes |= {"i * 0.5": torch.float32, "f + d": torch.float64, "i > 1": torch.bool}
shapes = {"m[0]": (3,), "m.sum()": (), "m.T": (3, 2)}
shapes |= {"m.reshape(3, -1)": (3, 2), "m.unsqueeze(0)": (1, 2, 3), "m[:, 0:1]": (2, 1)}
dtypes["i / 2"] = torch.int64
dtypes["f + d"] = torch.float32
