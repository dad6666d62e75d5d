def with_margins(table):
    wide = torch.cat([table, table.mean(dim=1, keepdim=True)], dim=1)
    last = torch.cat([table.mean(dim=0), table.sum().reshape(1)])
    return torch.cat([wide, last.unsqueeze(0)])
