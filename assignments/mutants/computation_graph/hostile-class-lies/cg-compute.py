compute = Fake()
