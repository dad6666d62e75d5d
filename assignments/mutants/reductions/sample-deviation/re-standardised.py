def standardised(table):
    """Each column minus its mean, divided by its standard deviation (correction=0)."""
    return (table - table.mean(dim=0)) / table.std(dim=0)
