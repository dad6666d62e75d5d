"""One cell on its way through IPython: watched from its first statement, and shown when it has ended.

It is told by IPython's events, through the magics; it imports nothing of IPython.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol

from torchmagic.cellrun import CellWatch, View
from torchmagic.graph_options import Wanted
from torchmagic.graph_records import GraphRecord
from torchmagic.live import NO_PASS, LiveShow, Output, displayed
from torchmagic.records import Explanation, Inspection

_NO_TENSORS = "tensorinfo: this cell assigned or changed no tensors."
_NO_GRAPH = "gradtrace: no operation of this cell was on a tensor that requires gradients."


class Front(Protocol):
    """What shows things: the magics."""

    def options(self, name: str, line: str) -> Any:
        """The options and expressions of an argument line."""

    def show(self, found: Any, options: Any) -> None:
        """Show a record."""

    def say(self, text: str) -> None:
        """Show a line of text."""

    def show_expressions(self, options: Any) -> Any:
        """Show the values of the expressions in an argument line."""

    def show_graph(self, record: GraphRecord, options: Any) -> None:
        """Show a graph."""

    def graph_of(self, options: Any, seen: Callable[[Any], GraphRecord | None] | None = None) -> GraphRecord | None:
        """The graph behind the expressions in an argument line."""

    def output(self) -> Output:
        """A place for a picture that is redrawn."""

    def show_bundle(self, bundle: dict[str, Any]) -> None:
        """Show something in the forms that it has."""

    def explained(self, error: BaseException | None, cell: str, recorded: Any = None) -> Explanation | None:
        """Why a cell failed."""


class CellRun:
    """One cell on its way: which of our magics stand above it, and what they watch."""

    def __init__(
        self,
        front: Front,
        shell: Any,
        magics: tuple[tuple[str, str], ...],
        raw: str = "",
        *,
        says_nothing: frozenset[str] = frozenset(),
    ):
        self.front = front
        self.shell = shell
        self.magics = magics
        self.raw = raw
        self.says_nothing = says_nothing  # those that do, where there is nothing to show
        self.explained = False  # whether what is shown says why the cell failed
        self.recorded: Any = None  # what helps to say why
        self.watch: CellWatch | None = None
        self.live: LiveShow | None = None
        self._handlers: tuple[Any, Any] | None = None

    def begin(self) -> None:
        """The cell is about to run."""
        if not self.magics:
            return
        options = {name: self.front.options(name, line) for name, line in self.magics}
        source = self.shell.transform_cell(self.raw)
        graph = options.get("gradtrace")
        wanted = None
        if graph is not None and graph.live and not graph.off:
            hidden = graph.quiet or graph.json
            output = None if hidden else self.front.output()
            self.live = LiveShow(output, graph.theme, late="clear_output" in source)
        elif graph is not None and not graph.off:
            wanted = Wanted(graph.forward, graph.saved, graph.check, graph.lr)
        self.watch = CellWatch(self.shell.user_ns, source, calls="tensorinfo" in options, graph=wanted, live=self.live)
        self._handlers = (self.shell.custom_exceptions, getattr(self.shell, "CustomTB", None))
        self.shell.set_custom_exc((BaseException,), self._show_error)
        try:
            self.watch.begin()
        except Exception as error:  # ours, not the user's: the cell runs all the same
            self._give_up(error)

    def end(self, error: BaseException | None) -> None:
        """The cell has run: show what was seen."""
        if self.watch is None:
            return
        try:
            self.watch.end()
            self._restore_handlers()
            self.recorded = self.watch.recorded(error)
            for name, line in self.magics:
                self._show(name, self.front.options(name, line), error)
        except Exception as failure:  # ours again: what the cell gave is not to suffer for it
            self._give_up(failure)
        finally:
            self._restore_handlers()
            if self.watch is not None:
                self.watch.release()
            self.live = None

    def _give_up(self, error: Exception) -> None:
        text = str(error).partition("\n")[0]
        self.front.say(f"{self.magics[0][0]}: this cell could not be looked at ({type(error).__name__}: {text}).")
        if self.watch is not None:
            self.watch.leave()
            self.watch = None

    def _show(self, name: str, options: Any, error: BaseException | None) -> None:
        assert self.watch is not None
        if options.off:
            return
        if self.live is not None and name == "gradtrace":
            self._show_live(self.live, options, error)
        elif name == "gradtrace":
            self._show_graph(options)
        elif options.expressions and not options.quiet:
            self.front.show_expressions(options)
        else:
            self._show_touched(options, error)

    def _show_graph(self, options: Any) -> None:
        assert self.watch is not None
        if options.expressions:
            graph = self.front.graph_of(options, self.watch.passes_from)
            if graph is not None:
                self.front.show_graph(self.watch.with_asked(graph), options)
            return
        graph = self.watch.graph()
        if graph is not None:
            self.front.show_graph(graph, options)
        elif "gradtrace" not in self.says_nothing and not options.quiet:
            self.front.say(_NO_GRAPH)

    def _show_live(self, live: LiveShow, options: Any, error: BaseException | None) -> None:
        record = live.record(error)
        if record is not None:
            live.finish(record)
            bundle = displayed(record, options, self.front.say)
            if bundle is not None:
                self.front.show_bundle(bundle)
        elif "gradtrace" not in self.says_nothing and not options.quiet:
            self.front.say(NO_PASS)

    def _show_touched(self, options: Any, error: BaseException | None) -> None:
        assert self.watch is not None
        explanation = self.front.explained(error, self.raw, self.recorded)
        self.explained = explanation is not None
        if options.quiet:
            found = Inspection(explanation=explanation) if explanation is not None else None
        else:
            view = View(options.stats, options.plot, options.max_rows, options.sort, options.all)
            found = self.watch.inspection(view, error=error, explanation=explanation)
        if found is not None:
            self.front.show(found, options)
        elif "tensorinfo" not in self.says_nothing and not options.quiet:
            self.front.say(_NO_TENSORS)

    def _show_error(
        self,
        shell: Any,
        kind: type[BaseException],
        error: BaseException,
        tb: TracebackType | None,
        tb_offset: Any = None,
    ) -> Any:
        """Show the cell's own error, without the frames of the watching; then as IPython always does."""
        if self.watch is not None:
            self.watch.leave(error, tb)
        self._restore_handlers()
        shell.showtraceback((kind, error, error.__traceback__), tb_offset=tb_offset, running_compiled_code=True)

    def _restore_handlers(self) -> None:
        if self._handlers is not None:
            exceptions, handler = self._handlers
            self._handlers = None
            self.shell.custom_exceptions = exceptions
            if handler is not None:
                self.shell.CustomTB = handler
