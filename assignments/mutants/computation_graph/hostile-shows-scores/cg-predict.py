predicted = {'p': 'x', 's': 'x', 't': 'x', 'u': 'x', 'v': 'x'}
