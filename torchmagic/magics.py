"""The magics: argument lines and display. The only module that imports IPython.

A cell below ``%%tensorinfo`` or ``%%gradtrace`` is not run by the magic: an input transformation takes the
magic's line away, IPython runs the rest as any other cell (outputs, line numbers, ``await``, history and
errors are its own), and two of its events say when the cell begins and has ended.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from IPython.core.completer import SimpleCompletion, context_matcher
from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring
from IPython.display import display

from torchmagic.cellrun import ORDERS
from torchmagic.error_cards import ErrorCards, explained
from torchmagic.errors import TorchmagicError
from torchmagic.expressions import below_magics, completions, magics_above, split_expressions, split_options
from torchmagic.hints import Hints
from torchmagic.records import Explanation
from torchmagic.running import CellRun

NAMES = ("tensorinfo", "gradtrace")


def _flag(name: str, text: str) -> Any:
    on = argument(f"--{name}", dest=name, action="store_true", default=True, help=text)
    off = argument(f"--no-{name}", dest=name, action="store_false", help=f"leave out {name}")
    return lambda function: on(off(function))


@magics_class
class TorchMagics(Magics):
    """``tensorinfo`` and ``gradtrace``, over a cell and on a line."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self._shell: Any = shell
        self._running: list[CellRun] = []
        self.cards = ErrorCards(display)
        self._hints = Hints()
        self._always: str | None = None  # the options under which every cell is shown, or None

    @no_var_expand
    @line_magic
    def torchmagic(self, line: str) -> None:
        """``%torchmagic explain on``: a card says why an operation on tensors failed; ``off``: no card."""
        try:
            self.say(self.cards.switch(line))
        except ValueError as error:
            raise UsageError(str(error)) from None

    @no_var_expand
    @line_magic
    def hint(self, line: str) -> None:
        """``%hint q3``: the next hint for question 3 of the assignment in this folder; ``%hint``: what there is."""
        self.say(self._hints.answer(line, Path.cwd()))

    @magic_arguments()
    @argument("--all", action="store_true", help="show tensors that the cell only read, too")
    @_flag("stats", "minimum, maximum, mean, standard deviation, zeros, NaN and inf counts (the default)")
    @_flag("plot", "a histogram of each tensor, and a heatmap of those with rows and columns (the default)")
    @argument("--depth", type=int, default=5, help="open containers and modules so deep (5)")
    @argument("--max-rows", type=int, default=50, help="show at most so many tensors (50)")
    @argument("--sort", choices=ORDERS, default="order", help="by order (as found), name, size or change")
    @argument("--json", action="store_true", help="give the records as JSON instead of a table")
    @argument("--quiet", action="store_true", help="show only why an operation failed")
    @argument("--on", action="store_true", help="show after every cell from now on, with the other options given")
    @argument("--off", action="store_true", help="stop doing so")
    @argument("expressions", nargs="*", help="names or expressions to show, instead of what the cell touched")
    @no_var_expand
    @line_cell_magic
    def tensorinfo(self, line: str, cell: str | None = None) -> str | None:
        """Show the facts about tensors: those that the cell below assigned or changed, or those named.

        Examples::

            %%tensorinfo                     the tensors that this cell assigns or changes
            %%tensorinfo --all               also those that it only reads
            %%tensorinfo --no-stats W b      after the cell: W and b, without reading their elements
            %tensorinfo x y.T model          now: a tensor, an expression, a module's parameters
            %tensorinfo --on --sort size     after every cell from now on, largest first
            text = %tensorinfo --json x      the record as JSON
        """
        options = self.options("tensorinfo", line)
        if cell is not None:
            self._run_below("tensorinfo", line, cell)
        elif options.on or options.off:
            self._switch(options, line)
        elif not options.expressions:
            raise UsageError("%tensorinfo on a line wants names or expressions, for example: %tensorinfo x y.T model")
        else:
            return self.show_expressions(options, as_value=True)
        return None

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
        options = self.options("gradtrace", line)
        if cell is not None:
            self._run_below("gradtrace", line, cell)
        elif not options.expressions:
            raise UsageError("%gradtrace on a line wants a tensor, for example: %gradtrace loss")
        else:
            self.show_graph(options)

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
        raw = info.raw_cell or ""
        above = magics_above(raw, NAMES)
        magics = above.magics if above.lines and self._all_valid(above.magics) else ()
        for name, line in magics:
            if name == "tensorinfo":
                self._switch(self.options(name, line), line)
        always = self._always
        if always is not None and all(name != "tensorinfo" for name, _ in magics):
            magics = (("tensorinfo", always), *magics)
            run = CellRun(self, self._shell, magics, raw, says_nothing=True)
        else:
            run = CellRun(self, self._shell, magics, raw)
        self._running.append(run)
        run.begin()

    def after_cell(self, result: Any) -> None:
        """IPython's post_run_cell event."""
        error = result.error_in_exec
        run = self._running.pop() if self._running else None
        if run is not None:
            run.end(error)
        if run is None or not run.explained:
            self.cards.after_error(error, below_magics(result.info.raw_cell, NAMES) if result.info else "")

    @context_matcher()
    def complete(self, context: Any) -> Any:
        """IPython's completer: the options of our magics, and the user's names."""
        found = completions(context.line_with_cursor[: context.cursor_position], self._known, self._shell.user_ns)
        return {"completions": [SimpleCompletion(text=text) for text in found]}

    def _known(self, name: str) -> dict[str, bool]:
        """The options of a magic, and for each whether a value follows."""
        parser = getattr(self, name).parser
        return {
            text: action.nargs != 0
            for action in parser._actions
            for text in action.option_strings
            if text.startswith("--")
        }

    def _switch(self, options: Any, line: str) -> None:
        if options.off:
            self._always = None
        elif options.on:
            self._always = " ".join(word for word in line.split() if word != "--on")

    def _run_below(self, name: str, line: str, cell: str) -> None:
        """For those who call the cell magic as a function: the same, one level down."""
        self._shell.run_cell(f"%%{name} {line}\n{cell}", store_history=False)

    def _all_valid(self, magics: tuple[tuple[str, str], ...]) -> bool:
        try:
            for name, line in magics:
                self.options(name, line)
        except UsageError:
            return False  # the magic itself then runs, and says what is wrong
        return True

    def options(self, name: str, line: str) -> Any:
        """The options and expressions of an argument line.

        Raises:
            UsageError: an option is wrong; the message says which there are.
        """
        magic = getattr(self, name)
        words, rest = split_options(line, self._known(name))
        try:
            options = parse_argstring(magic, " ".join(words))
        except UsageError as error:
            raise UsageError(f"{error}\n{magic.parser.format_usage().strip().removeprefix('usage: ')}") from None
        options.expressions = split_expressions(rest) if rest.strip() else []
        return options

    def show(self, found: Any, options: Any) -> None:
        """A table, or JSON as data and as text."""
        if getattr(options, "json", False):
            text = found.to_json()
            display({"application/json": json.loads(text), "text/plain": text}, raw=True)
        else:
            display(found)

    def say(self, text: str) -> None:
        """One line as an output of its own: on stdout it would run on where the cell's last line has no end."""
        display({"text/plain": text}, raw=True)

    def explained(self, error: BaseException | None, cell: str) -> Explanation | None:
        """Why the error that ended a cell happened; None where that is not known or not wanted."""
        if error is None or not self.cards.on or "torch" not in sys.modules:
            return None
        return explained(error, below_magics(cell, NAMES))

    # -- on a line --------------------------------------------------------------------------------------

    def show_expressions(self, options: Any, *, as_value: bool = False) -> str | None:
        """Records of the values of expressions; as JSON text where a line magic wants a value."""
        from torchmagic.observe.containers import observe_all
        from torchmagic.observe.names import named_tensors

        values = self._evaluate("tensorinfo", options.expressions)
        if not values:
            return None
        names = {id(tensor): name for name, tensor in reversed(named_tensors(self._shell.user_ns))}
        try:
            found = observe_all(
                values,
                stats=options.stats,
                plot=options.plot,
                depth=options.depth,
                max_rows=options.max_rows,
                names={name: text for name, text in names.items() if not text.startswith(tuple(values))},
            )
        except TorchmagicError as error:
            self.say(f"tensorinfo: {error}")
            return None
        if options.json and as_value:
            return found.to_json()
        self.show(found, options)
        return None

    def show_graph(self, options: Any) -> None:
        """The graph behind the expressions of an argument line."""
        from torchmagic.observe.graph import trace

        values = self._evaluate("gradtrace", options.expressions)
        if values:
            try:
                display(trace(*values.values(), names={**self._shell.user_ns, **values}))
            except TorchmagicError as error:
                self.say(f"gradtrace: {error}")

    def _evaluate(self, magic: str, expressions: list[str]) -> dict[str, object]:
        """The values of expressions, each evaluated once; one line for each that fails."""
        values: dict[str, object] = {}
        for text in expressions:
            failure = self._evaluate_one(text, values)
            if failure:
                self.say(f"{magic}: {text} cannot be shown ({failure})")
        return values

    def _evaluate_one(self, text: str, values: dict[str, object]) -> str:
        try:
            values[text] = eval(text, self._shell.user_global_ns, self._shell.user_ns)
        except Exception as error:  # the user's expression may raise anything
            return f"{type(error).__name__}: {error}"
        return ""


def load(shell: Any) -> None:
    """Register the magics, the input transformation and the two events; a second time changes nothing."""
    if _registered(shell) is not None:
        return
    magics = TorchMagics(shell)
    shell.register_magics(magics)
    shell.input_transformers_cleanup.append(magics.transform)
    shell.Completer.custom_matchers.append(magics.complete)
    shell.events.register("pre_run_cell", magics.before_cell)
    shell.events.register("post_run_cell", magics.after_cell)
    magics._running.append(CellRun(magics, shell, ()))  # the cell that loads us ends after this, and began before


def unload(shell: Any) -> None:
    """Take back what :func:`load` registered."""
    magics = _registered(shell)
    if magics is None:
        return
    shell.input_transformers_cleanup.remove(magics.transform)
    shell.Completer.custom_matchers.remove(magics.complete)
    shell.events.unregister("pre_run_cell", magics.before_cell)
    shell.events.unregister("post_run_cell", magics.after_cell)
    for kind in ("line", "cell"):
        for name in (*NAMES, "torchmagic", "hint"):
            shell.magics_manager.magics[kind].pop(name, None)
    shell.magics_manager.registry.pop("TorchMagics", None)


def _registered(shell: Any) -> TorchMagics | None:
    found = shell.magics_manager.registry.get("TorchMagics")
    return found if isinstance(found, TorchMagics) else None
