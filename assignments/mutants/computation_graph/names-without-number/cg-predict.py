predicted = {'p': None, 's': 'mul', 't': 'sub', 'u': 'sum', 'v': None}
