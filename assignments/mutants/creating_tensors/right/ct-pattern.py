pattern = {"rainfall": "data", "labels": "data", "weights": "shape", "velocity": "like", "mask": "like"}
