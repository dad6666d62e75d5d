chase = Fake()
