pattern = {"rainfall": "data", "labels": "data", "weights": "like", "velocity": "shape", "mask": "shape"}
