"""What ``%%gradtrace`` can be asked for besides the picture, and its options checked as they are read."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from typing import Any


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


_LIVE_SUFFIXES = (".svg", ".json")


def clash(options: Any) -> str:
    """Why options of ``gradtrace`` do not go together, in a sentence; "" where they do.

    >>> clash(argparse.Namespace(live=True, check=True, widget=False))
    '--live only looks at steps: it does not go with --check.'
    """
    given = [f"--{name}" for name in ("forward", "saved", "check", "lr", "depth", "expand") if _is_given(options, name)]
    if options.live:
        if options.widget:
            return "--live draws curves and --widget a graph: choose one of them."
        if given:
            return f"--live only looks at steps: it does not go with {' and '.join(given)}."
        if getattr(options, "expressions", None):
            return f"--live follows what the cell trains: it takes no names, such as {options.expressions[0]!r}."
        path = getattr(options, "save", None)
        if path and not path.lower().endswith(_LIVE_SUFFIXES):
            return f"--live is saved as {' or '.join(_LIVE_SUFFIXES)}, not as {path!r}."
    if options.widget and getattr(options, "json", False):
        return "--widget shows a graph and --json gives its record: choose one of them."
    return ""


def _is_given(options: Any, name: str) -> bool:
    value = getattr(options, name, None)
    return value is not None and value is not False and value != []
