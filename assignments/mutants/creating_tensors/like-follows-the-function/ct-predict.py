predicted = {"a": torch.int64, "b": torch.float32, "c": torch.bool, "d": torch.float32}
predicted.update({"e": torch.int64, "f": torch.int64, "g": torch.int64, "h": torch.float64})
predicted["g"] = torch.float32
predicted["e"] = torch.float32
