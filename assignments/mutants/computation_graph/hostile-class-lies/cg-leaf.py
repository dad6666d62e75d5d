is_parameter = Fake()
