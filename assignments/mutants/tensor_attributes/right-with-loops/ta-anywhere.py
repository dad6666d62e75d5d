class Positions(torch.nn.Module):
    def forward(self, x):
        return x + torch.tensor([float(place) for place in range(x.size(-1))], dtype=x.dtype, device=x.device)


with_positions = Positions()


def brought_to(x, y):
    return y.to(dtype=x.dtype, device=x.device)
