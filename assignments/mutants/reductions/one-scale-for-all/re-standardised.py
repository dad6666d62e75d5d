def standardised(table):
    """Each column minus its mean, divided by its standard deviation (correction=0)."""
    return (table - table.mean()) / table.std(correction=0)
