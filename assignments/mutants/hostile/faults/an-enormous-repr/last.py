class Long:
    def __repr__(self):
        return "long" * 25_000_000


Long()
