pattern = dict.fromkeys(["rainfall", "labels", "weights", "velocity", "mask"], "data")
