predicted = ["int64"] * 8
