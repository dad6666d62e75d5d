"""The magics: argument lines and display. The only module that imports IPython.

A cell below ``%%tensorinfo`` or ``%%gradtrace`` is not run by the magic: an input transformation takes the
magic's line away, IPython runs the rest as any other cell (outputs, line numbers, ``await``, history and
errors are its own), and two of its events say when the cell begins and has ended.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from IPython.core.completer import SimpleCompletion, context_matcher
from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import DisplayHandle, display

from torchmagic.asked import graph_of, records_of
from torchmagic.error_cards import ErrorCards, explained, last_error
from torchmagic.expressions import (
    below_magics,
    completions,
    magics_above,
    split_expressions,
    split_options,
    without_magics,
)
from torchmagic.graph_files import displayed
from torchmagic.graph_options import clash
from torchmagic.graph_records import GraphRecord
from torchmagic.hints import WIDTH, Hints
from torchmagic.magic_options import GRADTRACE, TENSORINFO, Options, long_options
from torchmagic.records import Explanation
from torchmagic.redrawn import Redrawn
from torchmagic.running import CellRun
from torchmagic.terminal import Terminal
from torchmagic.tour import tour_here

NAMES = ("tensorinfo", "gradtrace")


def _options(options: Options) -> Any:
    """A decorator that gives a magic its options."""

    def decorate(function: Any) -> Any:
        for names, settings in reversed(options):
            function = argument(*names, **settings)(function)
        return magic_arguments()(function)

    return decorate


@magics_class
class TorchMagics(Magics):
    """``tensorinfo`` and ``gradtrace``, over a cell and on a line."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self._shell: Any = shell
        self.terminal = Terminal.of(shell)  # None in a notebook
        self._running: list[CellRun] = []
        self._shown = id(last_error())  # the error that was shown last when the cell began
        self.cards = ErrorCards(display)
        self._hints = Hints()
        self._always: dict[str, str] = {}  # the options under which a magic shows every cell

    @no_var_expand
    @line_magic
    def torchmagic(self, line: str) -> None:
        """``%torchmagic explain on``: a card says why an operation on tensors failed; ``off``: no card.

        ``%torchmagic tour``: write tour.ipynb, a notebook that shows everything, beside this one; ``tour FILE``: there.
        """
        word, _, rest = line.strip().partition(" ")
        if word == "tour":
            self.say(tour_here(rest))
            return
        try:
            self.say(self.cards.switch(line))
        except ValueError as error:
            raise UsageError(str(error)) from None

    @no_var_expand
    @line_magic
    def hint(self, line: str) -> None:
        """``%hint q3``: the next hint for question 3 of the assignment in this folder; ``%hint``: what there is."""
        width = WIDTH if self.terminal is None else min(WIDTH, self.terminal.width)
        self.say(self._hints.answer(line, Path.cwd(), width))

    @_options(TENSORINFO)
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
            self._switch("tensorinfo", options, line)
        elif not options.expressions:
            raise UsageError("%tensorinfo on a line wants names or expressions, for example: %tensorinfo x y.T model")
        else:
            return self.show_expressions(options, as_value=True)
        return None

    @_options(GRADTRACE)
    @no_var_expand
    @line_cell_magic
    def gradtrace(self, line: str, cell: str | None = None) -> str | None:
        """Draw the autograd graph with names, values and gradients: of the cell below, or behind a tensor.

        Examples::

            %%gradtrace                        the graph that this cell builds, with the gradients of its backward pass
            %%gradtrace --lr 0.1               also the step: new = old - 0.1 * gradient
            %%gradtrace --depth 1              a large model, one level of modules opened
            %%gradtrace --expand model.head    this module opened, too
            %%gradtrace --forward              the operations: shapes, dtypes, time and bytes of each
            %%gradtrace --saved                what autograd keeps for the backward pass
            %%gradtrace --check                whether the gradients agree with finite differences
            %%gradtrace --live                 over a training loop: loss, gradients and updates while it runs
            %%gradtrace --widget               a graph to pan, zoom, open and click on
            %%gradtrace --save graph.svg       also into a file: .svg, .json, .dot or .mmd (mermaid)
            %gradtrace loss                    now: the graph behind a tensor that is there already
            %gradtrace --on                    after every cell from now on, until --off
            text = %gradtrace --json loss      the record as JSON
        """
        options = self.options("gradtrace", line)
        if cell is not None:
            self._run_below("gradtrace", line, cell)
        elif options.on or options.off:
            self._switch("gradtrace", options, line)
        elif options.live:
            raise UsageError("--live must watch a cell while it runs: write %%gradtrace --live on top of it.")
        elif not options.expressions:
            raise UsageError("%gradtrace on a line wants a tensor, for example: %gradtrace loss")
        else:
            return self._show_graph_now(options)
        return None

    # -- over a cell ------------------------------------------------------------------------------------

    def transform(self, lines: list[str]) -> list[str]:
        """IPython's input transformation: take our magics' lines away, keep the line numbers."""
        above = magics_above("".join(lines), NAMES)
        if not above.lines or not self._all_valid(above.magics):
            return lines
        return without_magics(lines, above.lines)

    def join(self) -> None:
        """The cell that loads us has begun without us, and ends with us."""
        self._running.append(CellRun(self, self._shell, ()))

    def before_cell(self, info: Any) -> None:
        """IPython's pre_run_cell event."""
        raw = info.raw_cell or ""
        above = magics_above(raw, NAMES)
        magics = above.magics if above.lines and self._all_valid(above.magics) else ()
        for name, line in magics:
            self._switch(name, self.options(name, line), line)
        above_it = {name for name, _ in magics}
        always = tuple((name, self._always[name]) for name in NAMES if name in self._always and name not in above_it)
        says_nothing = frozenset(name for name, _ in always)
        run = CellRun(self, self._shell, (*always, *magics), raw, says_nothing=says_nothing)
        self._running.append(run)
        self._shown = id(last_error())
        run.begin()

    def after_cell(self, result: Any) -> None:
        """IPython's post_run_cell event."""
        error = result.error_in_exec
        if error is None and id(last_error()) != self._shown:
            error = last_error()  # a magic has shown it and kept it to itself, as %time did before IPython 9
        run = self._running.pop() if self._running else None
        if run is not None:
            run.end(error)
        if run is None or not run.explained:
            cell = below_magics(result.info.raw_cell, NAMES) if result.info else ""
            self.cards.after_error(error, cell, None if run is None else run.recorded)

    @context_matcher()
    def complete(self, context: Any) -> Any:
        """IPython's completer: the options of our magics, and the user's names."""
        found = completions(context.line_with_cursor[: context.cursor_position], self._known, self._shell.user_ns)
        return {"completions": [SimpleCompletion(text=text) for text in found]}

    def _known(self, name: str) -> dict[str, bool]:
        """The options of a magic, and for each whether a value follows."""
        return long_options(getattr(self, name).parser)

    def _switch(self, name: str, options: Any, line: str) -> None:
        if options.off:
            self._always.pop(name, None)
        elif options.on:
            self._always[name] = " ".join(word for word in line.split() if word != "--on")

    def _run_below(self, name: str, line: str, cell: str) -> None:  # for those who call the cell magic as a function
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
            options = magic.parser.parse_args(words)
        except UsageError as error:
            usage = magic.parser.format_usage().removeprefix("usage:").lstrip(": \n").rstrip()
            raise UsageError(f"{error}\nUsage: {usage}") from None
        options.expressions = split_expressions(rest) if rest.strip() else []
        problem = clash(options) if name == "gradtrace" else ""
        if problem:
            raise UsageError(problem)
        return options

    def show(self, found: Any, options: Any) -> None:
        """A table, or JSON as data and as text."""
        if options.json:
            text = found.to_json()
            display({"application/json": json.loads(text), "text/plain": text}, raw=True)
        else:
            display(found)

    def show_bundle(self, bundle: dict[str, Any]) -> None:
        """Something in the forms that it has."""
        display(bundle, raw=True)

    def output(self) -> Redrawn:
        """A place for a picture that is redrawn while the cell runs."""
        return Redrawn(self._shell, self.terminal, DisplayHandle().display_id)

    def say(self, text: str) -> None:
        """One line as an output of its own: on stdout it would run on where the cell's last line has no end."""
        display({"text/plain": text if self.terminal is None else self.terminal.wrapped(text)}, raw=True)

    def explained(self, error: BaseException | None, cell: str, recorded: Any = None) -> Explanation | None:
        """Why the error that ended a cell happened; None where that is not known or not wanted."""
        if error is None or not self.cards.on or "torch" not in sys.modules:
            return None
        return explained(error, below_magics(cell, NAMES), recorded)

    # -- on a line --------------------------------------------------------------------------------------

    def show_expressions(self, options: Any, *, as_value: bool = False) -> str | None:
        """Records of the values of expressions; as JSON text where a line magic wants a value."""
        found = records_of(self._shell, options, self.say)
        if found is None:
            return None
        if options.json and as_value:
            return found.to_json()
        self.show(found, options)
        return None

    def graph_of(self, options: Any, seen: Callable[[Any], GraphRecord | None] | None = None) -> GraphRecord | None:
        """The graph behind the expressions of an argument line; None where there is none, which is said.

        ``seen`` gives what was seen of a backward pass from their values, where one was.
        """
        return graph_of(self._shell, options, self.say, seen)

    def show_graph(self, record: GraphRecord, options: Any) -> None:
        """A picture, or JSON as data and as text; and a file. In a terminal text in place of the picture."""
        terminal = self.terminal
        for bundle in displayed(record, options, None if terminal is None else terminal.width):
            if terminal is not None and "application/json" not in bundle:
                bundle = {"text/plain": terminal.coloured(bundle["text/plain"])}
            display(bundle, raw=True)

    def _show_graph_now(self, options: Any) -> str | None:
        record = self.graph_of(options)
        if record is None:
            return None
        asked = [f"--{name}" for name in ("forward", "check") if getattr(options, name)]
        if asked:
            here = f"%%gradtrace {' '.join(asked)}"
            self.say(f"gradtrace: {' and '.join(asked)} must watch a cell while it runs: write {here} on top of it.")
        options.quiet = options.quiet or options.json  # the value of the line is the JSON, and not shown besides
        as_json, options.json = options.json, False
        self.show_graph(record, options)
        return record.to_json() if as_json else None
