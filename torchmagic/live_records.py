"""The frozen records of a training loop that was watched: losses, gradients and updates over its steps.

Nothing here touches torch: a record is made by :mod:`torchmagic.observe` and drawn by :mod:`torchmagic.render`.
A step is one backward pass. Long runs are kept as means over equal numbers of steps.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal

from torchmagic.records import Note
from torchmagic.shown import Shown

ParameterStatus = Literal[
    "fine", "nan", "inf", "zero", "exploding", "vanishing", "large", "small", "still", "none", "unknown"
]


@dataclass(frozen=True, slots=True)
class LossCurve:
    """The values of one loss: a scalar that ``backward()`` or ``torch.autograd.grad`` was called on.

    Attributes:
        name: the variable that held it, or "loss".
        line: the line of the cell (or file) that ran the backward pass, counted from 1; None where not known.
        steps: number of the first step of each point, counted from 1.
        means, lows, highs: of the finite values of each point's steps.
        last: its value at the last of its steps; NaN and infinities too.
        count: how many steps began at it.
    """

    name: str
    line: int | None = None
    steps: tuple[int, ...] = ()
    means: tuple[float, ...] = ()
    lows: tuple[float, ...] = ()
    highs: tuple[float, ...] = ()
    last: float | None = None
    count: int = 0


@dataclass(frozen=True, slots=True)
class ParameterCurve:
    """A leaf that got gradients, over the steps that were looked at.

    Attributes:
        name: as the user calls it.
        shape, numel: of the leaf.
        steps, norms: number of the first step of each point, and the mean 2-norm of ``.grad`` after the backward pass.
        ratio_steps, ratios: the same of update to weight: the 2-norm of what the weights changed by until the next
            backward pass, over their 2-norm before; none where they did not change.
        last_norm, last_ratio: at the last step; NaN and infinities too. None where there was none.
        weight_norm: the 2-norm of the weights when last looked at.
        status: one word.
        why: a few words on a status that is not "fine", or "".
        sampled: whether the ratio is of an even sample of its elements.
    """

    name: str
    shape: tuple[int, ...] = ()
    numel: int = 0
    steps: tuple[int, ...] = ()
    norms: tuple[float, ...] = ()
    ratio_steps: tuple[int, ...] = ()
    ratios: tuple[float, ...] = ()
    last_norm: float | None = None
    last_ratio: float | None = None
    weight_norm: float | None = None
    status: ParameterStatus = "fine"
    why: str = ""
    sampled: bool = False


@dataclass(frozen=True, slots=True)
class LiveMark:
    """The first step at which something was not finite.

    Attributes:
        step: counted from 1.
        what: "loss" or "gradient".
        kind: "nan" or "inf".
        name: of the loss or the leaf.
        count: at how many steps in all.
    """

    step: int
    what: Literal["loss", "gradient"]
    kind: Literal["nan", "inf"]
    name: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class LiveRecord(Shown):
    """A training loop: what its losses, gradients and updates were.

    Attributes:
        steps: how many backward passes ran.
        looked: at how many of them gradients and updates were looked at; the others would have cost too much time.
        width: how many steps a point stands for.
        seconds: how long the loop has run.
        losses, parameters: their curves, in the order in which they were first seen.
        marks: where something was not finite, first ones first.
        notes: what there is to say of it.
        running: whether the loop was still running.
        ended: the error that ended it (``"KeyboardInterrupt"``), or "".
        more: how many further leaves were not followed.
    """

    steps: int = 0
    looked: int = 0
    width: int = 1
    seconds: float = 0.0
    losses: tuple[LossCurve, ...] = ()
    parameters: tuple[ParameterCurve, ...] = ()
    marks: tuple[LiveMark, ...] = ()
    notes: tuple[Note, ...] = ()
    running: bool = False
    ended: str = ""
    more: int = 0

    def save(self, path: str | os.PathLike[str], *, theme: Literal["auto", "light", "dark"] = "auto") -> Path:
        """Write the record to a file, in the form that its suffix names: ``.svg`` or ``.json``.

        Args:
            path: the file.
            theme: "auto" takes the colours of the page that shows it.

        Returns: the path.

        Raises:
            TorchmagicError: the suffix is not known, or the file cannot be written.

        >>> import tempfile
        >>> LiveRecord().save(tempfile.mkdtemp() + "/training.json").name
        'training.json'
        """
        written: Path = import_module("torchmagic.live_files").save(self, path, theme)
        return written
