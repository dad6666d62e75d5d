"""What a watch over the cell recorded, for explaining the error that ended it: plain data, no tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in the user's code, and what was done there.

    Attributes:
        what: ``"detach()"``, ``"+="``, ``"Sigmoid"``, ``"loss.backward()"``.
        line: counted from 1; 0 where it is not known.
        filename: "" for a cell's own code.
        name: the tensor concerned, by the user's name, or "".
    """

    what: str
    line: int = 0
    filename: str = ""
    name: str = ""

    def __str__(self) -> str:
        where = f" of {self.filename}" if self.filename else ""
        return f"{self.what} on line {self.line}{where}" if self.line else self.what


@dataclass(frozen=True, slots=True)
class SavedChanged:
    """A tensor that was changed after an operation had saved it.

    Attributes:
        saved_by: the operation that had saved it.
        which: which of its tensors it was: "its result", "an input".
        name: the tensor's name, or "".
        writes: the changes since, first to last.
    """

    saved_by: Spot
    which: str = ""
    name: str = ""
    writes: tuple[Spot, ...] = ()


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier backward pass through (a part of) the same graph.

    Attributes:
        spot: where it ran.
        whole: whether it began at the same result.
        shared: the last tensor that both graphs contain.
    """

    spot: Spot
    whole: bool = True
    shared: Spot | None = None


@dataclass(frozen=True, slots=True)
class OperandFact:
    """What is known of an argument of the failing call.

    Attributes:
        ident: its ``id``.
        shape, dtype, device: of a tensor; dtype None for others.
        value: what a plain number, string or None was.
    """

    ident: int
    shape: tuple[int, ...] = ()
    dtype: Any = None
    device: str = ""
    value: object = None
    plain: bool = False


@dataclass(frozen=True, slots=True)
class FailedCall:
    """The call that raised: its positional and keyword arguments, lists and tuples of tensors opened."""

    name: str
    args: tuple[OperandFact, ...] = ()
    kwargs: Mapping[str, OperandFact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded.

    Attributes:
        root_cuts: where the tensor that backward was called on was cut off.
        left: where values left torch (``item()``, ``numpy()``).
        cut_off: for tensors by ``id``, where they were cut off.
        numbers: numbers that came out of tensors, by the object itself, and where.
        made: place of the operations of the cell, by sequence number.
        saved_changed, earlier: of the backward pass that failed.
        stopped_at: the operation whose backward raised, in anomaly mode.
        call: the call that failed.
    """

    root_cuts: tuple[Spot, ...] = ()
    left: tuple[Spot, ...] = ()
    cut_off: Mapping[int, tuple[Spot, ...]] = field(default_factory=dict)
    numbers: tuple[tuple[object, Spot], ...] = ()
    made: Mapping[int, Spot] = field(default_factory=dict)
    saved_changed: SavedChanged | None = None
    earlier: Earlier | None = None
    stopped_at: Spot | None = None
    call: FailedCall | None = None


NOTHING = Recorded()
"""Nothing is known."""
