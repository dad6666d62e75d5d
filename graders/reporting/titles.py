"""Headings for the kinds of misconceptions that checks name, in words for an instructor."""

from __future__ import annotations

TITLES = {
    "absolute": "Lost the sign: distances from 0",
    "arguments swapped": "Two arguments changed places",
    "broadcast": "Broadcast (n, 1) against (n,) to (n, n)",
    "degrees of freedom": "Divided by n where n − 1 is asked, or the reverse",
    "dim elsewhere": "A row where a column is asked, or the reverse",
    "dim too many": "A dim of size 1 too many",
    "dims swapped": "Dims in another order",
    "exp": "exp() of the right values: a log is missing",
    "extra term": "A term added once too often",
    "factor": "Every value is off by the same factor",
    "integer": "Fractions cut off or rounded: an integer dtype",
    "keepdim missing": "A dim of size 1 is missing: keepdim",
    "log": "The logarithm of the right values",
    "log base": "A logarithm to another base",
    "no bias": "A term is not added",
    "not reduced": "A reduction is missing",
    "off by one": "Off by one",
    "offset": "Every value is off by the same amount",
    "opposite": "The opposite answer",
    "other operation": "Another operation than the one asked",
    "positions for values": "Positions where values are asked",
    "reciprocal": "A fraction upside down",
    "reduced too much": "One reduction too many",
    "reshaped": "Reshaped where it should be transposed or permuted",
    "reversed": "In reverse order",
    "root": "The square root of the right values",
    "shifted": "Shifted along a dim",
    "shuffled": "The right values in another order",
    "sign": "The sign is flipped",
    "sign of a term": "One term has the wrong sign",
    "squared": "The square of the right values",
    "transposed": "Transposed",
    "unchanged": "The input itself, unchanged",
    "unseeded": "Other numbers at each call",
    "values for positions": "Values where positions are asked",
    "wrong dim": "Along the wrong dim",
    "zero": "Zero everywhere",
}


def title_of(kind: str) -> str:
    """A heading for a kind; a sentence that an assignment names stays as it is.

    >>> title_of("wrong dim"), title_of("sum for mean"), title_of("W was transposed")
    ('Along the wrong dim', 'Sum for mean', 'W was transposed')
    """
    return TITLES.get(kind, kind[:1].upper() + kind[1:])
