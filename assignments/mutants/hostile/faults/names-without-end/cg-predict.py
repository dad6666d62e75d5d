import itertools


class Predicted:
    def __iter__(self):
        return iter(itertools.count())

    def __getitem__(self, name):
        return None

    def __len__(self):
        return 5


predicted = Predicted()
