"""Gather what the notes for a cell are made of, from live tensors and the error, into plain data."""

from __future__ import annotations

import linecache
from collections.abc import Mapping, Sequence
from typing import Any

from torchmagic.observe.changes import State
from torchmagic.observe.events import Event
from torchmagic.observe.notes import CellFacts, Ended
from torchmagic.records import TensorRecord


def facts_of(
    source: str,
    events: Sequence[Event],
    tensors: Sequence[TensorRecord],
    before: Mapping[str, State],
    now: Sequence[tuple[str, Any]],
    error: BaseException | None,
) -> CellFacts:
    """The facts for :func:`torchmagic.observe.notes.cell_notes`."""
    filename = _filename(source, events, error)
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


def _filename(source: str, events: Sequence[Event], error: BaseException | None) -> str:
    """What IPython called the cell: the file, as Python's cache of lines knows it, that has the cell's text."""
    names = {event.place.filename for event in events if event.place is not None}
    entry = error.__traceback__ if error is not None else None
    while entry is not None:
        names.add(entry.tb_frame.f_code.co_filename)
        entry = entry.tb_next
    lines = source.splitlines()
    return next(
        (name for name in names if [*map(str.rstrip, linecache.getlines(name))] == [*map(str.rstrip, lines)]), ""
    )


def _ended(error: BaseException, filename: str) -> Ended:
    line = None
    entry = error.__traceback__
    while entry is not None:
        if entry.tb_frame.f_code.co_filename == filename:
            line = entry.tb_lineno
        entry = entry.tb_next
    try:
        text = str(error)
    except Exception:  # the __str__ of a user's own class may itself fail
        text = ""
    return Ended(type(error).__name__, text, line)
