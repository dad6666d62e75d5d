"""The options of the magics, as data: what an argument parser is told, and what their help says."""

from __future__ import annotations

import argparse
from typing import Any

from torchmagic.cellrun import ORDERS
from torchmagic.graph_options import levels, rate, unquoted

Options = tuple[tuple[tuple[str, ...], dict[str, Any]], ...]


def _option(*names: str, **settings: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    return names, settings


def _flag(name: str, text: str, **settings: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    return _option(f"--{name}", action="store_true", help=text, **settings)


def _switch(name: str, text: str) -> Options:
    off = _option(f"--no-{name}", dest=name, action="store_false", help=f"leave out {name}")
    return (_flag(name, text, dest=name, default=True), off)


_ON_OFF: Options = (
    _flag("on", "show after every cell from now on, with the other options given"),
    _flag("off", "stop doing so"),
)

TENSORINFO: Options = (
    _flag("all", "show tensors that the cell only read, too"),
    *_switch("stats", "minimum, maximum, mean, standard deviation, zeros, NaN and inf counts (the default)"),
    *_switch("plot", "a histogram of each tensor, and a heatmap of those with rows and columns (the default)"),
    _option("--depth", type=int, default=5, help="open containers and modules so deep (5)"),
    _option("--max-rows", type=int, default=50, help="show at most so many tensors (50)"),
    _option("--sort", choices=ORDERS, default="order", help="by order (as found), name, size or change"),
    _flag("json", "give the records as JSON instead of a table"),
    _flag("quiet", "show only why an operation failed"),
    *_ON_OFF,
    _option("expressions", nargs="*", help="names or expressions to show, instead of what the cell touched"),
)

GRADTRACE: Options = (
    _option("--depth", type=levels, default=None, help="open so many levels of modules (as many as stay readable)"),
    _option("--expand", action="append", default=[], type=unquoted, metavar="NAME", help="open this module, too"),
    _option("--lr", type=rate, default=None, metavar="RATE", help="show the step: new = old - RATE * gradient"),
    _flag("forward", "the operations as they ran: shapes, dtypes, time and bytes of each, with or without gradients"),
    _flag("saved", "what autograd keeps for the backward pass, and how much memory that is"),
    _flag("check", "compare the gradients with finite differences of the same computation, in float64"),
    _flag("live", "curves of a training loop while it runs: loss, gradient norms and updates of each leaf"),
    _flag("widget", "a graph to pan, zoom, open and click on (needs anywidget)"),
    _option("--save", type=unquoted, metavar="FILE", help="write to a file: .svg, .json; a graph .dot, .mmd too"),
    _flag("json", "give the record as JSON instead of a picture"),
    _option("--theme", choices=("auto", "light", "dark"), default="auto", help="colours: the page's own (auto)"),
    _flag("quiet", "show no picture, only why an operation failed; with --save, write the file"),
    *_ON_OFF,
    _option("expressions", nargs="*", help="tensors to trace, such as a loss; over a cell: what the cell computed"),
)


def long_options(parser: argparse.ArgumentParser) -> dict[str, bool]:
    """The options of a parser that begin with two dashes, and for each whether a value follows.

    >>> parser = argparse.ArgumentParser(add_help=False)
    >>> for names, settings in TENSORINFO[:1] + TENSORINFO[5:6]:
    ...     _ = parser.add_argument(*names, **settings)
    >>> long_options(parser)
    {'--all': False, '--depth': True}
    """
    return {
        text: action.nargs != 0 for action in parser._actions for text in action.option_strings if text.startswith("--")
    }
