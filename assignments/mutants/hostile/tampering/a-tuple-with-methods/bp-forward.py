from collections import namedtuple

Loss = namedtuple("Loss", "item requires_grad sum detach")
x = torch.tensor(2.0)
W = torch.tensor(3.0, requires_grad=True)
y = W * x
loss = Loss(lambda: 16.0, True, lambda: W, lambda: W)
