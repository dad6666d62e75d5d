at_fault = {"a": "dtype", "b": "shape", "c": "device", "d": "dtype", "e": "shape", "f": "device"}
