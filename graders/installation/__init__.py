"""What `torchmagic doctor` finds out about an installation, and what to do about each finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "problem", "skipped"]


@dataclass(frozen=True, slots=True)
class Found:
    """One finding.

    Attributes:
        part: which part of the installation it is about: versions, kernels, programs, extensions, course, exchange.
        what: what was looked at, in a few words.
        state: "problem" when something does not work, "warning" when it may be meant so, "skipped" when there was
            nothing to look at.
        detail: what was found, in one line.
        remedy: what to do; "" where there is nothing to do.
    """

    part: str
    what: str
    state: State
    detail: str
    remedy: str = ""


def problems(found: list[Found]) -> list[Found]:
    """Those that must be mended.

    >>> problems([Found("versions", "torch", "ok", "2.13.0"), Found("kernels", "python3", "problem", "gone", "...")])
    [Found(part='kernels', what='python3', state='problem', detail='gone', remedy='...')]
    """
    return [each for each in found if each.state == "problem"]
