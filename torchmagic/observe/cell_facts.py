"""Gather what the notes for a cell are made of, from live tensors and the error, into plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from torchmagic.observe.call_watch import Event
from torchmagic.observe.changes import State, reached
from torchmagic.observe.notes import CellFacts, Ended
from torchmagic.records import TensorRecord


def facts_of(
    source: str,
    filename: str,
    events: Sequence[Event],
    found: Sequence[tuple[str, Any, str]],
    tensors: Sequence[TensorRecord],
    before: Mapping[str, State],
    namespace: Mapping[str, object],
    error: BaseException | None,
) -> CellFacts:
    """The facts for :func:`torchmagic.observe.notes.cell_notes`."""
    values = {name: value for name, value, _ in found}
    named: dict[int, str] = {}
    if any(event.kind == "view" for event in events):
        named = {id(value): name for name, value in reversed(reached(namespace))}
    return CellFacts(
        source=source,
        filename=filename,
        events=tuple(events),
        tensors=tuple(_with_norm(record, values.get(record.name)) for record in tensors),
        leaves=frozenset(name for name, state in before.items() if state.leaf and state.requires_grad),
        names=named,
        error=None if error is None else _ended(error, filename),
    )


def _with_norm(record: TensorRecord, value: Any) -> TensorRecord:
    """The norm of a gradient that the cell set, where it is cheap to read and not in the record yet."""
    if (
        record.grad_norm is not None
        or "grad" not in record.change
        or type(value) not in (torch.Tensor, torch.nn.Parameter)
    ):
        return record
    grad = value.grad if value.is_leaf else None
    if type(grad) is not torch.Tensor or grad.device.type != "cpu" or grad.layout is not torch.strided:
        return record
    with torch.no_grad():
        return replace(record, grad_norm=math.sqrt(float((grad.detach().double() ** 2).sum())))


def _ended(error: BaseException, filename: str) -> Ended:
    line = None
    entry = error.__traceback__
    while entry is not None:
        if entry.tb_frame.f_code.co_filename == filename:
            line = entry.tb_lineno
        entry = entry.tb_next
    return Ended(type(error).__name__, str(error), line)
