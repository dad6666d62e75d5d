def gradient_torch(numbers):
    x = torch.tensor(numbers, dtype=torch.float64, requires_grad=True)
    return [float(g) for g in torch.func.grad(lambda t: (t.square() * torch.sin(t)).sum())(x.detach())]


def gradient_tape(numbers):
    import tensorflow as tf

    x = tf.Variable(numbers, dtype=tf.float64)
    with tf.GradientTape() as tape:
        result = tf.reduce_sum(x * x * tf.sin(x))
    return tape.gradient(result, x).numpy().tolist()
