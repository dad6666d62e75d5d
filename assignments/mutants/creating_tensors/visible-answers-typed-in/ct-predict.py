predicted = dict.fromkeys('abcdefgh', torch.float16)
