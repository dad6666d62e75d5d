def gradient_torch(numbers):
    x = torch.tensor(numbers, dtype=torch.float32, requires_grad=True)
    result = (x * x * x.sin()).sum()
    result.backward()
    return x.grad.tolist()


def gradient_tape(numbers):
    import tensorflow as tf

    x = tf.Variable(numbers, dtype=tf.float32)
    with tf.GradientTape() as tape:
        result = tf.reduce_sum(x * x * tf.sin(x))
    return tape.gradient(result, x).numpy().tolist()
