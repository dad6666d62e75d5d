def direction(gradient):
    raise StopIteration


def stronger(first, second):
    raise SystemExit(0)
