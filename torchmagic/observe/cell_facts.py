"""Gather what the notes for a cell are made of, from live tensors and the error, into plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torchmagic.observe.call_watch import Event
from torchmagic.observe.changes import State
from torchmagic.observe.notes import CellFacts, Ended
from torchmagic.records import TensorRecord


def facts_of(
    source: str,
    filename: str,
    events: Sequence[Event],
    tensors: Sequence[TensorRecord],
    before: Mapping[str, State],
    now: Sequence[tuple[str, Any]],
    error: BaseException | None,
) -> CellFacts:
    """The facts for :func:`torchmagic.observe.notes.cell_notes`."""
    named: dict[int, str] = {}
    if any(event.kind == "view" for event in events):
        named = {id(value): name for name, value in reversed(now)}
    return CellFacts(
        source=source,
        filename=filename,
        events=tuple(events),
        tensors=tuple(tensors),
        leaves=frozenset(name for name, state in before.items() if state.leaf and state.requires_grad),
        names=named,
        error=None if error is None else _ended(error, filename),
    )


def _ended(error: BaseException, filename: str) -> Ended:
    line = None
    entry = error.__traceback__
    while entry is not None:
        if entry.tb_frame.f_code.co_filename == filename:
            line = entry.tb_lineno
        entry = entry.tb_next
    return Ended(type(error).__name__, str(error), line)
