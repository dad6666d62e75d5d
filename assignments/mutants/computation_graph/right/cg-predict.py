predicted = {'p': None, 's': 'MulBackward0', 't': 'SubBackward0', 'u': 'SumBackward0', 'v': None}
