"""Watch one cell that IPython runs in its own way: what held before it, what it touched, and in what graph.

The cell itself is run by IPython as any other; only what stands around it is here.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from torchmagic.display import Graph, Tensors


class CellWatch:
    """Between :meth:`begin` and :meth:`end` a cell runs.

    Args:
        namespace: the user's global names, the live dictionary.
        graph: whether to watch the autograd graph too.

    >>> import torch
    >>> names = {"x": torch.ones(2)}
    >>> watch = CellWatch(names)
    >>> watch.begin()
    >>> exec("y = x + 1", names)
    >>> watch.end()
    >>> [(record.name, record.change) for record in watch.tensors().records]
    [('y', 'new')]
    """

    def __init__(self, namespace: Mapping[str, object], *, graph: bool = False) -> None:
        self._namespace = namespace
        self._with_graph = graph
        self._before: Any = None
        self._watch: Any = None
        self._found: list[tuple[str, Any, str]] = []

    def begin(self) -> None:
        """Note what holds now, and start to watch."""
        if "torch" in sys.modules or "numpy" in sys.modules:
            from torchmagic.observe.changes import states

            self._before = states(self._namespace)
        if self._with_graph:
            from torchmagic.observe.graph import GraphWatch

            self._watch = GraphWatch()
            self._watch.__enter__()

    def leave(self, error: BaseException | None = None, traceback: TracebackType | None = None) -> None:
        """Stop watching operations; with the error that ended the cell, whose traceback loses our own frames."""
        watch = self._watch
        if watch is not None and self._with_graph:
            self._with_graph = False
            watch.__exit__(type(error) if error is not None else None, error, traceback)

    def end(self) -> None:
        """The cell has ended: see what it touched."""
        self.leave()
        if "torch" not in sys.modules and "numpy" not in sys.modules:
            return
        from torchmagic.observe.changes import changes

        self._found = changes(self._before or {}, self._namespace)

    def tensors(self, *, stats: bool = True, max_rows: int = 50) -> Tensors | None:
        """Records of what the cell assigned or changed; None where there is nothing."""
        if not self._found:
            return None
        from torchmagic.observe.containers import observe_found

        return observe_found(self._found, stats=stats, max_rows=max_rows)

    def graph(self) -> Graph | None:
        """The graph that the cell built; None where there is none."""
        if self._watch is None:
            return None
        record = self._watch.record(self._namespace, [name.split(".")[0].split("[")[0] for name, _, _ in self._found])
        return None if record is None else Graph(record)

    def release(self) -> None:
        """Let go of everything: no tensor of the user's lives on because it was looked at."""
        self._found.clear()
        self._before = self._watch = None
