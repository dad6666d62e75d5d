"""An Explanation as text that fits a width: the marked line, the operands, the sizes that clash, why, what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence

from torchmagic.records import Clash, Explanation, Operand, SourceLine
from torchmagic.render.explanation_view import clipped, operand_facts, place_text, shown_operands, title
from torchmagic.render.graph_templates import printable
from torchmagic.render.graph_view import shorten
from torchmagic.render.wrapping import LEAST, WIDTH, cells, wrapped

_NAME = 34
_SHAPE = re.compile(r"\([\d, ?-]{1,40}\)")


def explanation_text(explanation: Explanation, width: int = WIDTH) -> str:
    """The explanation in lines of at most ``width`` columns.

    >>> line = SourceLine(2, "y = x @ W", 4, 9)
    >>> clash = Clash((("x", ("3", "4", "")), ("W", ("", "5", "4"))), (1,), ("", "must match", ""))
    >>> print(explanation_text(Explanation("RuntimeError", "", "matmul", "@", "x @ W", source=(line,), clash=clash)))
    Why x @ W failed · RuntimeError, line 2
      2 | y = x @ W
        |     ^^^^^
    Sizes:
      x  3  4
      W     5  4
            ^ must match
    """
    width = max(width, LEAST)
    lines = _wrapped(f"Why {title(explanation)} failed · {place_text(explanation)}", width)
    lines += _source(explanation.source, width)
    if explanation.layer:
        lines += _wrapped(f"In the layer {explanation.layer}", width, "  ")
    operands, more = shown_operands(explanation)
    if operands:
        lines += _operands(operands, more, width)
    if explanation.clash is not None:
        lines += ["Sizes:", *_clash(explanation.clash, width)]
    if explanation.why:
        lines += _wrapped(f"Why: {explanation.why}", width, "  ")
    elif explanation.message:
        lines += _wrapped(f"PyTorch says: {explanation.message}", width, "  ")
    for remedy in explanation.remedies:
        if not remedy.code:
            lines += _wrapped(f"Try: {remedy.text}", width, "  ")
            continue
        text = f"   # {remedy.text}" if remedy.text else ""
        whole = f"Try: {printable(remedy.code)}{printable(text)}"
        if cells(whole) <= width:
            lines.append(whole)
        else:
            lines += _wrapped(f"Try: {remedy.code}", width, "  ")
            lines += _wrapped(f"# {remedy.text}", width, "  # ", "  ") if remedy.text else []
    return "\n".join(lines)


def _source(source: Sequence[SourceLine], columns: int) -> list[str]:
    found: list[str] = []
    indent = min((len(line.text) - len(line.text.lstrip()) for line in source if line.text.strip()), default=0)
    width = max((len(str(line.number)) for line in source), default=1)
    for line in source:
        for room in range(columns - width - 5, 20, -4):
            text, start, end = clipped(line, indent, room)
            text = printable(text)
            if cells(text) <= columns - width - 5:
                break
        found.append(f"  {line.number:>{width}} | {text}".rstrip())
        if end > start:
            before, marked = cells(text[:start]), cells(text[start:end])
            found.append(f"  {' ' * width} | {' ' * before}{'^' * max(marked, 1)}")
    return found


def _operands(operands: Sequence[Operand], more: int, columns: int) -> list[str]:
    names = [shorten(printable(operand.name), _name_room(columns)) for operand in operands]
    width = max(map(cells, names))
    found = []
    for operand, name in zip(operands, names, strict=True):
        facts = "  ".join(printable(fact) for fact in operand_facts(operand) if fact)
        role = f"  as {operand.role}" if operand.role and operand.role != operand.name else ""
        start = f"  {name}{' ' * (width - cells(name))}  "
        found += _wrapped(f"{facts}{role}", columns, " " * min(len(start), 8), start)
    if more:
        found.append(f"  … and {more} more")
    return found


def _clash(clash: Clash, width: int) -> list[str]:
    columns = max((len(sizes) for _, sizes in clash.rows), default=0)
    names = [shorten(printable(name), _name_room(width)) for name, _ in clash.rows]
    left = max(map(cells, names), default=0)
    first = next(i for i in range(columns + 1) if left + _sizes_width(clash, i) <= width - 2)
    rows = [[printable(size) for size in sizes[first:]] for _, sizes in clash.rows]
    widths = [max(cells(row[i]) if i < len(row) else 0 for row in rows) or 1 for i in range(columns - first)]
    found = []
    for name, row in zip(names, rows, strict=True):
        sizes = "  ".join(" " * (w - cells(size)) + size for w, size in zip(widths, row, strict=False))
        found.append(f"  {name}{' ' * (left - cells(name))}  {sizes}".rstrip())
    bad = [each - first for each in clash.bad if each >= first]
    marks = "  ".join(" " * (w - 1) + ("^" if i in bad else " ") for i, w in enumerate(widths)).rstrip()
    if marks:
        words = [clash.labels[i + first] for i in bad if i + first < len(clash.labels) and clash.labels[i + first]]
        label = f" {', '.join(dict.fromkeys(words))}" if words else ""
        whole = f"  {' ' * left}  {marks}{printable(label)}"
        found.append(whole if cells(whole) <= width else whole[: len(whole) - len(label)])
    return found


def _sizes_width(clash: Clash, first: int) -> int:
    """The cells that the sizes from a column on take, with the label behind them."""
    columns = max((len(sizes) for _, sizes in clash.rows), default=0)
    widths = [
        max(cells(sizes[i]) if i < len(sizes) else 0 for _, sizes in clash.rows) or 1 for i in range(first, columns)
    ]
    return sum(widths) + 2 * len(widths)


def _name_room(width: int) -> int:
    return min(_NAME, width - 24)


def _wrapped(text: str, width: int, later: str = "    ", first: str = "") -> list[str]:
    """The text in lines of at most the width, in which no shape is broken."""
    body = _SHAPE.sub(lambda found: found[0].replace(" ", "\xa0"), printable(text))
    lines = wrapped(body, width, printable(first), later)
    return [line.replace("\xa0", " ") for line in lines] or [printable(first).rstrip()]
