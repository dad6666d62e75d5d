at_fault = dict.fromkeys("abcdef", "shape")
