def standardised(table):
    moved = table - table.mean(0)
    return moved / (moved**2).mean(0).sqrt()
