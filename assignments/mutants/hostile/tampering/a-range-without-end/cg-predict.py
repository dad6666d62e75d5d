predicted = range(4_000_000)
