"""Run a training loop under the live watch, and give its record."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from torchmagic.live_records import LiveRecord
from torchmagic.observe.live_watch import LiveWatch


def seen(source: str, step: Any = None) -> LiveRecord:
    """The record of a loop, run as a cell's code."""
    names: dict[str, Any] = {"torch": torch, "nn": nn, "F": nn.functional}
    torch.manual_seed(0)
    with LiveWatch(step) as watch:
        exec(compile(source, "<cell>", "exec"), names)
    return watch.record()
