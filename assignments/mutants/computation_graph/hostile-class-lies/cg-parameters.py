data = w = Fake()
