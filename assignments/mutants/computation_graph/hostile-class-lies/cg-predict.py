predicted = Fake()
