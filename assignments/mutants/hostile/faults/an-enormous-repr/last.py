class Long:
    def __repr__(self):
        return "long" * 5_000_000


Long()
