def with_margins(table):
    """The table with the means of its rows on the right, of its columns below, and of everything in the corner."""
    wide = torch.cat([table, table.mean(dim=1, keepdim=True)], dim=1)
    return torch.cat([wide, wide.mean(dim=0, keepdim=True)], dim=0)
