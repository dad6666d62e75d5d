at_fault = ["dtype", "shape"]
