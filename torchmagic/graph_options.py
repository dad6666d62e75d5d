"""What ``%%gradtrace`` can be asked for besides the picture, and its options checked as they are read."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to observe while a cell runs.

    Attributes:
        forward: the operations as they ran, with times and bytes.
        saved: what autograd keeps for the backward pass.
        check: whether gradients agree with finite differences.
        lr: the learning rate to show a step with, or None.
    """

    forward: bool = False
    saved: bool = False
    check: bool = False
    lr: float | None = None


def rate(text: str) -> float:
    """A learning rate.

    >>> rate("1e-3")
    0.001
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no learning rate; it is a number above 0, such as 0.1")
    return value


def levels(text: str) -> int:
    """How deep to open modules.

    >>> levels("2")
    2
    """
    if not text.isdecimal() or len(text) > 6:
        raise argparse.ArgumentTypeError(f"{text!r} is no depth; it is a whole number from 0")
    return int(text)


def unquoted(text: str) -> str:
    """A word without the quotes that keep its spaces together.

    >>> unquoted('"my graph.svg"'), unquoted("a'b")
    ('my graph.svg', "a'b")
    """
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
