def fit(X, y, lr, epochs, batch_size, generator):
    model = nn.Linear(X.shape[1], 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for epoch in range(epochs):
        for X_batch, y_batch in batches(X, y, batch_size, generator):
            loss = nn.functional.mse_loss(model(X_batch), y_batch)
            loss.backward()
            optimizer.step()
    return model
