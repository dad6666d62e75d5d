"""The notes for a cell, from what was seen of its calls, its code and the tensors that it left: few, and right."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from torchmagic.observe import notes_autograd, notes_shape, notes_values
from torchmagic.observe.events import Event
from torchmagic.records import Note, TensorRecord

_MOST = 5


@dataclass(frozen=True, slots=True)
class Ended:
    """The error that ended a cell: its class, its text, and the cell's own line where it was raised."""

    kind: str
    message: str
    line: int | None


@dataclass(frozen=True, slots=True)
class CellFacts:
    """All that notes are made of; nothing in it is a live tensor.

    Attributes:
        source: the cell as IPython compiled it.
        filename: what IPython calls the cell; events from elsewhere get no line.
        events: what the watch saw.
        tensors: records of what the cell assigned or changed.
        leaves: the names that held leaves which required gradients before the cell.
        names: the user's name for a tensor, by its identity.
        error: what ended the cell.
        explained: whether an explanation of it is shown, which notes are not to repeat.
    """

    source: str
    filename: str = ""
    events: tuple[Event, ...] = ()
    tensors: tuple[TensorRecord, ...] = ()
    leaves: frozenset[str] = frozenset()
    names: Mapping[int, str] | None = None
    error: Ended | None = None
    explained: bool = False

    def line(self, event: Event) -> int | None:
        """The line of the cell where something happened."""
        return event.place.line if event.place is not None and event.place.filename == self.filename else None


def cell_notes(facts: CellFacts) -> tuple[Note, ...]:
    """The notes, in the order of the lines, each kind once for the same tensors.

    >>> cell_notes(CellFacts("x = 1"))
    ()
    """
    try:
        tree = ast.parse(facts.source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = ast.Module([], [])
    found: list[Note] = []
    for make in (notes_shape.notes, notes_autograd.notes, notes_values.notes):
        found += make(facts, tree)
    return tuple(_few(found))


def _few(notes: Iterable[Note]) -> Sequence[Note]:
    once: dict[object, Note] = {}
    for note in notes:
        once.setdefault((note.kind, note.names or note.line), note)
    return sorted(once.values(), key=lambda note: note.line or 1 << 30)[:_MOST]
