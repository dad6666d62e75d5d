"""What the watch over a cell's calls notes down: plain facts and places in the code, and no tensor."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from types import CodeType

import torch


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the user's code a call stood: enough to find its expression again when the cell has ended."""

    code: CodeType
    lasti: int
    line: int

    @property
    def filename(self) -> str:
        """The file, or what IPython calls the cell."""
        return self.code.co_filename


@dataclass(frozen=True, slots=True)
class Operand:
    """A tensor that took part: shape, dtype, device, and whether its elements were finite (None: not looked at)."""

    shape: tuple[int, ...]
    dtype: str
    device: str
    requires_grad: bool = False
    finite: bool | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something worth a second look, when the cell has ended.

    Attributes:
        kind: "broadcast", "square", "promotion", "nonfinite", "cut", "view", "truncated" or "failed".
        place: of the user's call; None where no code of the user's was found.
        function: the plain name of what was called.
        direct: whether the user's own code called it, and not a module or a function of torch's.
        operands, result: what went in and came out.
        text: what the kind alone does not say.
        base: for a view, a weak reference to the tensor that it looks into.
    """

    kind: str
    place: Place | None
    function: str
    direct: bool
    operands: tuple[Operand, ...] = ()
    result: Operand | None = None
    text: str = ""
    base: weakref.ref[torch.Tensor] | None = None
