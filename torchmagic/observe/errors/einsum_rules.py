"""Rules for einsum: a letter with two sizes, an operand with more or fewer dimensions than letters."""

from __future__ import annotations

import re

from torchmagic.observe.errors.failure import Arg, Failure
from torchmagic.observe.errors.words import Finding, count, shape_text
from torchmagic.records import Clash


def einsum(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A letter with two sizes, or an operand with more or fewer dimensions than letters."""
    equation = failure.args[0].value if failure.args else None
    operands = failure.args[1:]
    if type(equation) is not str or not all(each.is_tensor for each in operands):
        return None
    terms = equation.replace(" ", "").split("->")[0].split(",")
    sizes: dict[str, tuple[int, Arg]] = {}
    for term, each in zip(terms, operands, strict=False):
        if "." not in term and len(term) != len(each.shape):
            return Finding(
                "einsum",
                f"'{term}' names {count(len(term), 'dimension')}, and {each.text} "
                f"of shape {shape_text(each.shape)} has "
                f"{len(each.shape)}.",
                Clash(((each.text, tuple(map(str, each.shape))), ("letters", tuple(term)))) if each.shape else None,
            )
        if "." in term:
            continue
        for letter, size in zip(term, each.shape, strict=True):
            known = sizes.setdefault(letter, (size, each))
            if size != known[0] and 1 not in (size, known[0]):
                return Finding(
                    "einsum",
                    f"The letter {letter} stands for one size everywhere: it is "
                    f"{known[0]} in {known[1].text} and {size} "
                    f"in {each.text}.",
                    _letters(terms, operands, letter),
                )
    if len(terms) != len(operands):
        return Finding(
            "einsum", f"The equation has {count(len(terms), 'term')}, and {count(len(operands), 'operand')} were given."
        )
    return None


def _letters(terms: list[str], operands: tuple[Arg, ...], bad: str) -> Clash:
    letters = list(dict.fromkeys("".join(terms)))
    rows = []
    for term, each in zip(terms, operands, strict=False):
        place = dict(zip(term, map(str, each.shape), strict=True))
        rows.append((each.text, tuple(place.get(letter, "") for letter in letters)))
    return Clash(tuple(rows), (letters.index(bad),), tuple(letters))


RULES = [
    (r"einsum\(\)", einsum),
]
