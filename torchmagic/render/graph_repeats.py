"""Find repeats in a sequence: stretches in which the same few marks follow each other again and again."""

from __future__ import annotations

from collections.abc import Sequence

_LONGEST = 24
_LEAST = 3


def stretches(marks: Sequence[int]) -> list[tuple[int, int, int]]:
    """The repeats in a sequence as (start, period, count), from the left, none overlapping another.

    >>> stretches([7, 1, 2, 1, 2, 1, 2, 5])
    [(1, 2, 3)]
    >>> stretches([4] * 9 + [3])
    [(0, 1, 9)]
    """
    length = len(marks)
    if length < _LEAST:
        return []
    runs: list[list[int]] = []  # for each period: how many marks from here on are the same one period later
    for period in range(1, min(_LONGEST, length // _LEAST) + 1):
        run = [0] * (length + 1)
        for i in range(length - period - 1, -1, -1):
            if marks[i] == marks[i + period]:
                run[i] = run[i + 1] + 1
        runs.append(run)
        if run[0] + period == length:
            break  # all of it repeats: no longer period says more
    found: list[tuple[int, int, int]] = []
    start = 0
    while start <= length - _LEAST:
        best = (0, 0, 0)
        for number, run in enumerate(runs):
            period = number + 1
            count = run[start] // period + 1
            if count >= _LEAST and count * period > best[0]:
                best = (count * period, period, count)
        covered, period, count = best
        if covered and not _later(runs, start, covered):
            found.append((start, period, count))
            start += covered
        else:
            start += 1
    return found


def _later(runs: Sequence[Sequence[int]], start: int, covered: int) -> bool:
    """Whether a stretch that begins inside the first repeats of this one is several times as long."""
    for later in range(start + 1, min(start + covered, start + _LONGEST)):
        for number, run in enumerate(runs):
            period = number + 1
            count = run[later] // period + 1
            if count >= _LEAST and count * period > 3 * covered:
                return True
    return False


def slices(alike: Sequence[bool], free: Sequence[bool], most: int) -> list[tuple[int, int]]:
    """Parts of a long sequence to fold, as (start, end), so that about ``most`` things are left.

    Args:
        alike: which items are plain; stretches of these are folded first.
        free: which items may be folded at all.
        most: how many things may be left.

    >>> slices([True] * 6 + [False], [True] * 7, 3)
    [(0, 6)]
    """
    found = _stretches_of(alike, 4)
    left = len(alike) - sum(end - start - 1 for start, end in found)
    if left <= most:
        return found
    step = -(-len(alike) // max(1, most // 3))
    return [
        (part, min(part + step, end))
        for start, end in _stretches_of(free, 2)
        for part in range(start, end, step)
        if min(part + step, end) - part > 1
    ]


def _stretches_of(flags: Sequence[bool], least: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    start = None
    for i, flag in enumerate([*flags, False]):
        if flag and start is None:
            start = i
        elif not flag and start is not None:
            if i - start >= least:
                found.append((start, i))
            start = None
    return found
