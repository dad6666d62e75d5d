"""An Explanation as an HTML card: no script, no network, legible on light and dark pages."""

from __future__ import annotations

from dataclasses import dataclass

from torchmagic.records import Clash, Explanation, SourceLine
from torchmagic.render.explanation_view import clipped, operand_facts, place_text, shown_operands, title
from torchmagic.render.graph_templates import template
from torchmagic.render.graph_view import shorten

_LONGEST_LINE = 160


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    before: str
    marked: str
    after: str


@dataclass(frozen=True, slots=True)
class _Size:
    text: str
    bad: bool


@dataclass(frozen=True, slots=True)
class _Sizes:
    name: str
    sizes: tuple[_Size, ...]


def explanation_html(explanation: Explanation) -> str:
    """The card; everything from the user's program is escaped.

    >>> "<script>" in explanation_html(Explanation("RuntimeError", "", expression="<script>", why="<script>"))
    False
    """
    operands, more = shown_operands(explanation)
    indents = [len(line.text) - len(line.text.lstrip()) for line in explanation.source if line.text.strip()]
    clash = explanation.clash
    return template("explanation.html.j2").render(
        title=title(explanation),
        place=place_text(explanation),
        lines=[_line(line, min(indents, default=0)) for line in explanation.source],
        layer=explanation.layer,
        operands=[(shorten(each.name, 60), each.role, operand_facts(each), each.tensor is None) for each in operands],
        has_more=any(operand_facts(each)[3] for each in operands),
        more=more,
        clash=_rows(clash) if clash is not None else (),
        labels=clash.labels if clash is not None and any(clash.labels) else (),
        bad=frozenset(clash.bad) if clash is not None else frozenset(),
        why=explanation.why,
        message=explanation.message,
        remedies=explanation.remedies,
    )


def _line(line: SourceLine, indent: int) -> _Line:
    text, start, end = clipped(line, indent, _LONGEST_LINE)
    return _Line(line.number, text[:start], text[start:end], text[end:])


def _rows(clash: Clash) -> tuple[_Sizes, ...]:
    width = max((len(sizes) for _, sizes in clash.rows), default=0)
    return tuple(
        _Sizes(
            shorten(name, 40),
            tuple(
                _Size(sizes[i] if i < len(sizes) else "", i in clash.bad and i < len(sizes) and sizes[i] != "")
                for i in range(width)
            ),
        )
        for name, sizes in clash.rows
    )
