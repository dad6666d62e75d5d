"""Colours for rendered text in a terminal: names, gradients, what is wrong and what to do about it.

The text itself never depends on them: rich finds by these patterns what to colour, and whether the terminal can.
"""

from __future__ import annotations

import sys

from rich.console import Console
from rich.highlighter import RegexHighlighter
from rich.theme import Theme

_STYLES = Theme(
    {
        "seen.name": "bold cyan",
        "seen.head": "bold",
        "seen.grad": "magenta",
        "seen.good": "green",
        "seen.warn": "bold yellow",
        "seen.bad": "bold red",
        "seen.quiet": "dim",
    }
)
_VALUE = r"[-+\d.e]+|inf|nan|\[[^\]\n]*\]+"


class _Seen(RegexHighlighter):
    base_style = "seen."
    highlights = [  # noqa: RUF012 (rich's own interface)
        r"(?m)^(?:  |[│ ]*[├└]─ )?(?!\d+ \|| *\|)(?P<name>[^\s│├└─=↳→…].{0,60}?)  (?=\S)",
        r"(?m)^(?P<name>[^\s(][^\n=]{0,60}?) = (?=\S+.*\(\w+Backward\w*\))",
        r"(?m)^(?P<head>Autograd graph.*)$",
        r"(?m)(?:^|\n)\n(?P<head>\S.*)$",
        r"(?m)^(?P<head>Sizes:|Why:|PyTorch says:|In the layer)",
        r"(?s)\A(?P<bad>Why .+? failed)(?P<quiet> · [^\n]*)",
        r"(?m)\n(?P<bad>Why [^\n]+? failed)(?P<quiet> · [^\n]*)",
        r"(?m)^[ |]*(?P<bad>\^.*)$",
        r"(?m)(?P<bad>\b(?:NaN|inf) [1-9][\d,]*)(?=  |$)",
        r"(?P<bad>✗ \w+)",
        r"(?m)^(?P<bad>-x- cut:)",
        r"(?P<warn>[○▲▼] \w+|\+ accumulated)",
        r"(?m)^(?P<warn>Note(?: \(line \d+\))?:|note:)",
        r"(?P<good>✓ \w+)",
        r"(?m)^ *(?P<good>Try:|→)",
        rf"(?P<grad>‖?∂[^\s=]+ = (?:{_VALUE}))",
        rf"(?P<grad>\b(?:grad|gradient) (?:norm )?(?:{_VALUE}))",
        r"(?P<grad>requires grad)\b",
    ]


def console() -> Console:
    """rich's console for this program's output: it knows what FORCE_COLOR, a dumb terminal or a pipe mean.

    >>> console().legacy_windows
    False
    """
    return Console(file=sys.__stdout__, theme=_STYLES, highlighter=_Seen(), markup=False, emoji=False)


def in_colours(text: str) -> str:
    """The text with the escape sequences that this program's output takes; none where it is no terminal.

    >>> in_colours("W  leaf (requires_grad)  value 3")  # a test's output is captured
    'W  leaf (requires_grad)  value 3'
    """
    out = console()
    with out.capture() as captured:
        out.print(out.highlighter(text), end="", soft_wrap=True)
    return captured.get()
