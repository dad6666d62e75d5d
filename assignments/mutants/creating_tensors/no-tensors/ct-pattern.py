pattern = None
