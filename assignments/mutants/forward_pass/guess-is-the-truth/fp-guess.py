X, y = make_data(10, true_W, true_b, 0.1)
W, b = true_W.clone().requires_grad_(), torch.tensor([true_b], requires_grad=True)
prediction = forward(X, W, b)
loss = mse(prediction, y)
