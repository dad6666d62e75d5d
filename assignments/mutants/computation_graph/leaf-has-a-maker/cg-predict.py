predicted = {'p': 'AccumulateGrad', 's': 'MulBackward0', 't': 'SubBackward0', 'u': 'SumBackward0', 'v': 'AddBackward0'}
