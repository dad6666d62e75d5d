at_fault = dict.fromkeys('abcdef', 'device')
