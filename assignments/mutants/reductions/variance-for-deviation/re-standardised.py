def standardised(table):
    """Each column minus its mean, divided by its standard deviation (correction=0)."""
    return (table - table.mean(dim=0)) / table.var(dim=0, correction=0)
