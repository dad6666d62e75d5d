X, y = make_data(10, true_W, true_b, 0.1)
W, b = make_parameters(1, 1)
prediction = forward(X, W, b)
loss = mse(prediction, y)
