"""All that is observed of a cell under ``%%gradtrace``: its graph, and what was asked for besides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import TracebackType

import torch

from torchmagic.graph_options import Wanted
from torchmagic.graph_records import GraphRecord
from torchmagic.observe import names
from torchmagic.observe.graph_leaves import with_step
from torchmagic.observe.graph_unannounced import ANNOUNCED
from torchmagic.observe.graph_watch import GraphWatch
from torchmagic.observe.recorded import Recorded

_NO_PASS = "No backward pass was seen: check compares the gradients of one that runs in the same cell."
if not ANNOUNCED:
    _NO_PASS += " It sees loss.backward(); one of torch.autograd.backward is seen with torch 2.11 or newer."


class GraphSession:
    """A context manager around a cell.

    Args:
        wanted: what to observe; what is not asked for costs nothing.

    >>> with GraphSession(Wanted(check=True, lr=0.1)) as session:
    ...     w = torch.tensor(3.0, requires_grad=True)
    ...     loss = w * w
    ...     loss.backward()
    >>> record = session.record({"w": w, "loss": loss}, ["w", "loss"])
    >>> record.lr, [(check.name, check.agrees) for check in record.checks]
    (0.1, [('w', True)])
    """

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._watch = GraphWatch(saved=wanted.saved)
        self._forward = self._tape = None
        if wanted.check:
            from torchmagic.observe.graph_tape import TapeMode

            self._tape = TapeMode()
        if wanted.forward:
            from torchmagic.observe.graph_forward import ForwardMode

            self._forward = ForwardMode()
        self._entered = [mode for mode in (self._forward, self._tape) if mode is not None]  # timing stands innermost

    def __enter__(self) -> GraphSession:
        for mode in self._entered:
            mode.__enter__()  # type: ignore[no-untyped-call]
        self._watch.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._watch.__exit__(kind, error, traceback)
        finally:
            for mode in reversed(self._entered):
                mode.leave()

    def recorded(self, error: BaseException | None = None) -> Recorded:
        """What was recorded that helps to explain the error that ended the cell."""
        return self._watch.recorded(error)

    def record(self, namespace: Mapping[str, object], touched_names: Iterable[str]) -> GraphRecord | None:
        """The graph with all that was asked for; None where there is nothing to show.

        Args:
            namespace: the user's variables after the cell.
            touched_names: those that the cell assigned or changed.
        """
        return self.extended(self._watch.record(namespace, touched_names), namespace)

    def passes_from(self, roots: Iterable[object], namespace: Mapping[str, object]) -> GraphRecord | None:
        """The backward passes that began at the given tensors; None where none did."""
        return self._watch.passes_from(roots, namespace)

    def extended(self, record: GraphRecord | None, namespace: Mapping[str, object]) -> GraphRecord | None:
        """A graph with what was asked for besides; a graph of nothing, where only that was found."""
        if record is None:
            if self._forward is None or not self._forward.seen.rows:
                return None
            record = GraphRecord((), ())
        notes = list(record.notes)
        if self._forward is not None:
            with torch._C.DisableTorchFunction():
                record = replace(record, forward=self._forward.seen.records(namespace))
            notes += self._forward.seen.notes()
        if self._tape is not None:
            from torchmagic.observe.graph_check import check

            named = {id(tensor): name for name, tensor in reversed(names.named_tensors(namespace))}
            record = replace(record, checks=check(list(self._tape.passes.values()), named))
            if self._tape.trouble:
                notes.append(f"Gradients could not be compared: {self._tape.trouble}.")
            elif not record.checks:
                notes.append(_NO_PASS)
        record = replace(record, notes=tuple(notes))
        return record if self._wanted.lr is None else with_step(record, self._wanted.lr)
