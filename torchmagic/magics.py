"""The magics: argument lines and display. The only module that imports IPython.

A cell below ``%%tensorinfo`` or ``%%gradtrace`` is not run by the magic: an input transformation takes the
magic's line away, IPython runs the rest as any other cell (outputs, line numbers, ``await``, history and
errors are its own), and two of its events say when the cell begins and has ended.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring
from IPython.display import display

from torchmagic.cellrun import CellWatch
from torchmagic.error_cards import ErrorCards
from torchmagic.errors import TorchmagicError
from torchmagic.expressions import magics_above, split_expressions

NAMES = ("tensorinfo", "gradtrace")
_NO_TENSORS = "tensorinfo: this cell assigned or changed no tensors."
_NO_GRAPH = "gradtrace: no operation of this cell was on a tensor that requires gradients."


def _flag(name: str, default: bool, text: str) -> Any:
    on = argument(f"--{name}", dest=name, action="store_true", default=default, help=text)
    off = argument(f"--no-{name}", dest=name, action="store_false", help=f"leave out {name}")
    return lambda function: on(off(function))


@magics_class
class TorchMagics(Magics):
    """``tensorinfo`` and ``gradtrace``, over a cell and on a line."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self._shell: Any = shell
        self._running: list[_Run] = []
        self.cards = ErrorCards(display)

    @no_var_expand
    @line_magic
    def torchmagic(self, line: str) -> None:
        """``%torchmagic explain on``: a card says why an operation on tensors failed; ``off``: no card."""
        try:
            _say(self.cards.switch(line))
        except ValueError as error:
            raise UsageError(str(error)) from None

    @magic_arguments()
    @_flag("stats", True, "minimum, maximum, mean, standard deviation, NaN and inf counts (the default)")
    @argument("--max-rows", type=int, default=50, help="show at most so many tensors (50)")
    @argument("expressions", nargs="*", help="names or expressions to show, instead of what the cell touched")
    @no_var_expand
    @line_cell_magic
    def tensorinfo(self, line: str, cell: str | None = None) -> None:
        """Show the facts about tensors: those that the cell below assigned or changed, or those named.

        Examples::

            %%tensorinfo                     the tensors that this cell assigns or changes
            %%tensorinfo --no-stats W b      after the cell: W and b, without reading their elements
            %tensorinfo x y.T model          now: a tensor, an expression, a module's parameters
        """
        options = self._options("tensorinfo", line)
        if cell is not None:
            self._run_below("tensorinfo", line, cell)
        elif not options.expressions:
            raise UsageError("%tensorinfo on a line wants names or expressions, for example: %tensorinfo x y.T model")
        else:
            self._show_expressions(options)

    @magic_arguments()
    @argument("expressions", nargs="*", help="tensors to trace, such as a loss; over a cell: what the cell computed")
    @no_var_expand
    @line_cell_magic
    def gradtrace(self, line: str, cell: str | None = None) -> None:
        """Draw the autograd graph with names, values and gradients: of the cell below, or behind a tensor.

        Examples::

            %%gradtrace              the graph that this cell builds, with the gradients of its backward pass
            %gradtrace loss          the graph behind a tensor that is there already
        """
        options = self._options("gradtrace", line)
        if cell is not None:
            self._run_below("gradtrace", line, cell)
        elif not options.expressions:
            raise UsageError("%gradtrace on a line wants a tensor, for example: %gradtrace loss")
        else:
            self._show_graph(options)

    # -- over a cell ------------------------------------------------------------------------------------

    def transform(self, lines: list[str]) -> list[str]:
        """IPython's input transformation: take our magics' lines away, keep the line numbers."""
        above = magics_above("".join(lines), NAMES)
        if not above.lines or not self._all_valid(above.magics):
            return lines
        first = next(i for i, text in enumerate(lines) if text.strip())
        rest = lines[first + above.lines :]
        if any(text.startswith("%%") for text in rest[:1]):
            return rest  # another cell magic must stand on the first line; it counts its lines from there anyway
        return [*("\n" for _ in range(first + above.lines)), *rest]

    def before_cell(self, info: Any) -> None:
        """IPython's pre_run_cell event."""
        above = magics_above(info.raw_cell or "", NAMES)
        magics = above.magics if above.lines and self._all_valid(above.magics) else ()
        run = _Run(self._shell, magics)
        self._running.append(run)
        run.begin()

    def after_cell(self, result: Any) -> None:
        """IPython's post_run_cell event."""
        if self._running:
            self._running.pop().end(self)
        self.cards.after_error(result.error_in_exec, result.info.raw_cell if result.info else "")

    def _run_below(self, name: str, line: str, cell: str) -> None:
        """For those who call the cell magic as a function: the same, one level down."""
        self._shell.run_cell(f"%%{name} {line}\n{cell}", store_history=False)

    def _all_valid(self, magics: tuple[tuple[str, str], ...]) -> bool:
        try:
            for name, line in magics:
                self._options(name, line)
        except UsageError:
            return False  # the magic itself then runs, and says what is wrong
        return True

    def _options(self, name: str, line: str) -> Any:
        # expressions may hold quotes and dashes that an argument parser would eat: only leading options are its
        words = line.split()
        count = 0
        while count < len(words) and words[count].startswith("-"):
            count += 2 if words[count] == "--max-rows" else 1
        magic = getattr(self, name)
        try:
            options = parse_argstring(magic, " ".join(words[:count]))
        except UsageError as error:
            raise UsageError(f"{error}\n{magic.parser.format_usage().strip().removeprefix('usage: ')}") from None
        rest = line
        for word in words[:count]:
            rest = rest.split(word, 1)[1]
        options.expressions = split_expressions(rest) if rest.strip() else []
        return options

    # -- on a line --------------------------------------------------------------------------------------

    def _show_expressions(self, options: Any) -> None:
        from torchmagic.observe.containers import observe_all

        values = self._evaluate("tensorinfo", options.expressions)
        if values:
            try:
                display(observe_all(values, stats=options.stats, max_rows=options.max_rows))
            except TorchmagicError as error:
                _say(f"tensorinfo: {error}")

    def _show_graph(self, options: Any) -> None:
        from torchmagic.display import Graph
        from torchmagic.observe.graph import trace

        values = self._evaluate("gradtrace", options.expressions)
        if values:
            try:
                display(Graph(trace(*values.values(), names={**self._shell.user_ns, **values})))
            except TorchmagicError as error:
                _say(f"gradtrace: {error}")

    def _evaluate(self, magic: str, expressions: list[str]) -> dict[str, object]:
        """The values of expressions, each evaluated once; one line for each that fails."""
        values: dict[str, object] = {}
        for text in expressions:
            failure = self._evaluate_one(text, values)
            if failure:
                _say(f"{magic}: {text} cannot be shown ({failure})")
        return values

    def _evaluate_one(self, text: str, values: dict[str, object]) -> str:
        try:
            values[text] = eval(text, self._shell.user_global_ns, self._shell.user_ns)
        except Exception as error:  # the user's expression may raise anything
            return f"{type(error).__name__}: {error}"
        return ""


class _Run:
    """One cell on its way: which of our magics stand above it, and what they watch."""

    def __init__(self, shell: Any, magics: tuple[tuple[str, str], ...]) -> None:
        self.shell = shell
        self.magics = magics
        self.watch: CellWatch | None = None
        self._handlers: tuple[Any, Any] | None = None

    def begin(self) -> None:
        """The cell is about to run."""
        if not self.magics:
            return
        graph = any(name == "gradtrace" for name, _ in self.magics)
        self.watch = CellWatch(self.shell.user_ns, graph=graph)
        if graph:
            self._handlers = (self.shell.custom_exceptions, getattr(self.shell, "CustomTB", None))
            self.shell.set_custom_exc((BaseException,), self._show_error)
        self.watch.begin()

    def end(self, magics: TorchMagics) -> None:
        """The cell has run: show what was seen."""
        if self.watch is None:
            return
        try:
            self.watch.end()
            self._restore_handlers()
            for name, line in self.magics:
                self._show(name, magics._options(name, line), magics)
        finally:
            self._restore_handlers()
            self.watch.release()

    def _show(self, name: str, options: Any, magics: TorchMagics) -> None:
        assert self.watch is not None
        if name == "gradtrace":
            if options.expressions:
                magics._show_graph(options)
                return
            graph = self.watch.graph()
            display(graph) if graph is not None else _say(_NO_GRAPH)
        elif options.expressions:
            magics._show_expressions(options)
        else:
            tensors = self.watch.tensors(stats=options.stats, max_rows=options.max_rows)
            display(tensors) if tensors is not None else _say(_NO_TENSORS)

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


def _say(text: str) -> None:
    """One line as an output of its own: on stdout it would run on where the cell's last line has no end."""
    display({"text/plain": text}, raw=True)


def load(shell: Any) -> None:
    """Register the magics, the input transformation and the two events; a second time changes nothing."""
    if _registered(shell) is not None:
        return
    magics = TorchMagics(shell)
    shell.register_magics(magics)
    shell.input_transformers_cleanup.append(magics.transform)
    shell.events.register("pre_run_cell", magics.before_cell)
    shell.events.register("post_run_cell", magics.after_cell)
    magics._running.append(_Run(shell, ()))  # the cell that loads us ends after this, and began before


def unload(shell: Any) -> None:
    """Take back what :func:`load` registered."""
    magics = _registered(shell)
    if magics is None:
        return
    shell.input_transformers_cleanup.remove(magics.transform)
    shell.events.unregister("pre_run_cell", magics.before_cell)
    shell.events.unregister("post_run_cell", magics.after_cell)
    for kind in ("line", "cell"):
        for name in (*NAMES, "torchmagic"):
            shell.magics_manager.magics[kind].pop(name, None)
    shell.magics_manager.registry.pop("TorchMagics", None)


def _registered(shell: Any) -> TorchMagics | None:
    found = shell.magics_manager.registry.get("TorchMagics")
    return found if isinstance(found, TorchMagics) else None
