%%gradtrace
torch.manual_seed(data_seed)
X, y = make_data(noise=0.1, n=10, true_W=true_W, true_b=true_b)
model = LinearModel(1, 1)
W, b = model.W, model.b
prediction = model(X)
loss = mse(prediction, y)
