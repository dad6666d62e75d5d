"""Watch one cell that IPython runs in its own way: what held before it, what it touched, and in what graph.

The cell itself is run by IPython as any other; only what stands around it is here.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Literal

from torchmagic.cellcode import cell_names, imports_first
from torchmagic.graph_options import Wanted
from torchmagic.graph_records import GraphRecord
from torchmagic.records import Explanation, Inspection, Note, TensorRecord

Order = Literal["order", "name", "size", "change"]
_MOST_OTHERS = 1_000
ORDERS: tuple[Order, ...] = ("order", "name", "size", "change")


@dataclass(frozen=True, slots=True)
class View:
    """How tensors are to be shown.

    Attributes:
        stats, plot: whether to read the elements for statistics, and for histograms and heatmaps.
        max_rows: how many tensors to show at most.
        sort: by what.
        all: whether tensors that the cell only read are shown too.
    """

    stats: bool = True
    plot: bool = True
    max_rows: int = 50
    sort: Order = "order"
    all: bool = False


class CellWatch:
    """Between :meth:`begin` and :meth:`end` a cell runs.

    Args:
        namespace: the user's global names, the live dictionary.
        source: the cell as Python, as IPython compiles it.
        calls: whether to watch its calls, for notes.
        graph: what to watch of the autograd graph, if anything.
        live: what watches a training loop instead, if anything: a context manager.

    >>> import torch
    >>> names = {"x": torch.ones(2)}
    >>> watch = CellWatch(names)
    >>> watch.begin()
    >>> exec("y = x + 1", names)
    >>> watch.end()
    >>> [(record.name, record.change) for record in watch.inspection().tensors]
    [('y', 'new')]
    """

    def __init__(
        self,
        namespace: Mapping[str, object],
        source: str = "",
        *,
        calls: bool = True,
        graph: Wanted | None = None,
        live: AbstractContextManager[object] | None = None,
    ) -> None:
        self._namespace = namespace
        self._source = source
        self._with_calls = calls
        self._graph = graph
        self._live = live
        self._with_live = False
        self._with_graph = graph is not None
        self._before: Any = None
        self._watch: Any = None
        self._calls: Any = None
        self._found: list[tuple[str, Any, str]] = []
        self._now: list[tuple[str, Any]] = []
        self._deleted: list[str] = []

    def begin(self) -> None:
        """Note what holds now, and start to watch."""
        if "torch" not in sys.modules and imports_first(self._source, "torch"):
            try:
                import torch  # noqa: F401  the cell's own first act, a moment earlier: its calls are seen, too
            except Exception:
                return  # the cell will meet the same error, and IPython will show it
        if "torch" in sys.modules or "numpy" in sys.modules:
            from torchmagic.observe.changes import states

            self._before = states(self._namespace)
        if self._graph is not None:
            from torchmagic.observe.graph_session import GraphSession

            self._watch = GraphSession(self._graph)
            self._watch.__enter__()
        if self._live is not None:
            self._live.__enter__()
            self._with_live = True
        if self._with_calls and "torch" in sys.modules:
            from torchmagic.observe.call_watch import CallWatch

            self._calls = CallWatch()
            self._calls.__enter__()

    def leave(self, error: BaseException | None = None, traceback: TracebackType | None = None) -> None:
        """Stop watching operations; with the error that ended the cell, whose traceback loses our own frames."""
        if self._calls is not None and self._with_calls:
            self._with_calls = False
            from torchmagic.observe.callers import leave

            leave(self._calls)
        if self._live is not None and self._with_live:
            self._with_live = False
            self._live.__exit__(type(error) if error is not None else None, error, traceback)
        if self._watch is not None and self._with_graph:
            self._with_graph = False
            self._watch.__exit__(type(error) if error is not None else None, error, traceback)
        elif self._calls is not None and error is not None:
            from torchmagic.observe.graph import hide_own_frames

            hide_own_frames(error)

    def end(self) -> None:
        """The cell has ended: see what it touched."""
        self.leave()
        if "torch" not in sys.modules and "numpy" not in sys.modules:
            return
        from torchmagic.observe.changes import changes, deleted, reached

        self._now = reached(self._namespace)
        self._found = changes(self._before or {}, self._namespace, self._now)
        self._deleted = deleted(self._before or {}, self._namespace)

    def inspection(
        self,
        view: View = View(),
        *,
        error: BaseException | None = None,
        explanation: Explanation | None = None,
    ) -> Inspection | None:
        """What the cell assigned or changed, with notes; None where there is nothing to show.

        Args:
            view: what to show of it.
            error: what ended the cell.
            explanation: why, where that is known.
        """
        found = [*self._found, *(self._read() if view.all else ())]
        if not found and not self._deleted and error is None and self._calls is None:
            return None
        from torchmagic.observe.containers import observe_found

        seen = observe_found(
            ordered(found, view.sort),
            stats=view.stats,
            plot=view.plot,
            max_rows=view.max_rows,
            others=self._now[:_MOST_OTHERS],
        )
        notes = self._notes(seen.tensors, error, explained=explanation is not None)
        whole = replace(seen, notes=notes, explanation=explanation, deleted=tuple(self._deleted))
        return None if whole == Inspection() else whole

    def _read(self) -> list[tuple[str, Any, str]]:
        """The tensors that the cell's code names and did not change."""
        from torchmagic.observe.changes import reached

        names = cell_names(self._source).loaded
        known = {name for name, _, _ in self._found}
        found = reached({name: self._namespace[name] for name in names if name in self._namespace})
        return [(name, value, "") for name, value in found if name not in known]

    def _notes(
        self, tensors: tuple[TensorRecord, ...], error: BaseException | None, *, explained: bool
    ) -> tuple[Note, ...]:
        if self._calls is None:
            return ()
        from torchmagic.observe.cell_facts import facts_of
        from torchmagic.observe.notes import cell_notes

        facts = facts_of(self._source, self._calls.events, tensors, self._before or {}, self._now, error)
        facts = replace(facts, explained=explained)
        return cell_notes(facts)

    def graph(self) -> GraphRecord | None:
        """The graph that the cell built; None where there is none."""
        if self._watch is None:
            return None
        record: GraphRecord | None = self._watch.record(
            self._namespace, [name.split(".")[0].split("[")[0] for name, _, _ in self._found]
        )
        return record

    def passes_from(self, roots: list[Any]) -> GraphRecord | None:
        """What was seen of backward passes of the cell that began at the given tensors; None where none did."""
        found: GraphRecord | None = None
        if self._watch is not None:
            found = self._watch.passes_from(roots, self._namespace)
        return found

    def with_asked(self, record: GraphRecord) -> GraphRecord:
        """A graph of other tensors, with what was asked to be observed of the cell."""
        found: GraphRecord | None = self._watch.extended(record, self._namespace) if self._watch is not None else None
        return found or record

    def recorded(self, error: BaseException | None) -> Any:
        """What was recorded that helps to explain the error that ended the cell, as plain data; or None."""
        if error is None:
            return None
        if self._watch is not None:
            return self._watch.recorded(error)
        return None if self._calls is None else self._calls.recorded(error)

    def release(self) -> None:
        """Let go of everything: no tensor of the user's lives on because it was looked at."""
        self._found.clear()
        self._now.clear()
        self._before = self._watch = self._calls = self._live = None


def ordered(found: list[tuple[str, Any, str]], sort: Order) -> list[tuple[str, Any, str]]:
    """Tensors as (name, tensor, change) in the order that the user asked for; largest first by size.

    >>> import torch
    >>> found = [("b", torch.ones(1), "new"), ("a", torch.ones(2), "")]
    >>> [[name for name, _, _ in ordered(found, sort)] for sort in ORDERS]
    [['b', 'a'], ['a', 'b'], ['a', 'b'], ['b', 'a']]
    """
    if sort == "name":
        return sorted(found, key=lambda item: item[0])
    if sort == "size":
        return sorted(found, key=lambda item: _bytes(item[1]), reverse=True)
    if sort == "change":
        return sorted(found, key=lambda item: (not item[2], item[2]))
    return found


def _bytes(value: Any) -> int:
    from torchmagic.observe.changes import bytes_of

    return bytes_of(value)
