def gradient_torch(numbers):
    return torch.tensor(numbers)


def gradient_tape(numbers):
    return {'gradient': float('nan')}
