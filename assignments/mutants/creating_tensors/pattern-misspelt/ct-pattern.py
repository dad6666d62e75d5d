pattern = {"rainfall": "from data", "labels": 1, "weights": "zeros", "velocity": None, "mask": torch.ones(2)}
