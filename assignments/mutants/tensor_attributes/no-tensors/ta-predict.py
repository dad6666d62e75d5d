dtypes, shapes = None, "(3,)"
