a = b = x = y = z = Fake()
