"""Draw the panels of a training loop as one SVG that fits any width: lines stretch, words keep their size.

As in the pictures of graphs, text and lines take the page's own colour, and all style is in attributes.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from torchmagic.live_records import LiveRecord
from torchmagic.render.graph_canvas import escaped, number
from torchmagic.render.graph_look import Theme
from torchmagic.render.graph_svg import BACKGROUNDS, COLOURS
from torchmagic.render.live_panels import Line, Panel
from torchmagic.render.live_view import LiveView, Row, make_view

_LEFT, _WIDE = 11.0, 86.0  # percent
_HEAD = 24
_GAP = 12
_AXIS = 34
_ROW = 18
_BAD = "#d1242f"
_FILE_WIDTH = 720
_HEAD_CELLS, _CELLS = 80, 104  # characters of a line of words


def live_svg(record: LiveRecord, theme: Theme = "auto", *, file: bool = False, style: str = "") -> str:
    """The panels as an SVG element.

    Args:
        record: the training loop.
        theme: "auto" takes the colours of the page.
        file: whether it stands alone: then it has a width of its own, and its leaves as a list below.
        style: a style sheet of ours to put inside.

    >>> live_svg(LiveRecord(1, 1)).startswith("<svg")
    True
    """
    told = [f"Note: {note.text} {note.remedy and '→ '}{note.remedy}".replace("`", "") for note in record.notes]
    return draw(make_view(record), theme, file=file, style=style, told=told)


def draw(view: LiveView, theme: Theme, *, file: bool = False, style: str = "", told: Sequence[str] = ()) -> str:
    """As :func:`live_svg`, of a view; ``told`` are sentences below one that stands alone."""
    parts: list[str] = []
    top = 0
    if file:
        for line in textwrap.wrap(view.head, _HEAD_CELLS):
            top += 18
            parts.append(_text(1, top, line, size=13, bold=True))
        top += 12
    for panel in view.panels:
        parts.append(_panel(panel, top))
        top += _HEAD + panel.height + _GAP
    top -= _GAP
    for place, text in view.ticks:
        x = _LEFT + _WIDE * place
        anchor = "end" if place > 0.97 else "middle"
        parts.append(_text(x, top + 15, text, anchor))
    parts.append(_text(_LEFT, top + 30, "step (one backward pass)", faint=True))
    top += _AXIS
    if file:
        for row in view.rows:
            top += _ROW
            parts.append(_file_row(row, top))
        for text in (view.foot, *told):
            for line in textwrap.wrap(text, _CELLS, subsequent_indent="" if text == view.foot else "    "):
                top += _ROW
                parts.append(_text(1, top, line, faint=text == view.foot))
        top += 10
    back = BACKGROUNDS.get(theme)
    width = str(_FILE_WIDTH) if file else "100%"
    rectangle = f'<rect width="100%" height="100%" fill="{back}"/>' if back else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{top}" role="img" '
        f'style="max-width:{_FILE_WIDTH}px;display:block" font-family="system-ui, -apple-system, \'Segoe UI\', '
        f'\'DejaVu Sans\', sans-serif" font-size="11" color="{COLOURS[theme]}" fill="none">\n'
        f"<title>Training loop</title>\n<desc>{escaped(view.spoken)}</desc>\n{style}{rectangle}"
        + "\n".join(parts)
        + "\n</svg>"
    )


def _panel(panel: Panel, top: int) -> str:
    base = top + _HEAD
    parts = [_key(panel, top + 15)]
    for place, text in panel.ticks:
        y = base + panel.height * (1 - place)
        parts.append(
            f'<line x1="{_LEFT}%" x2="{_LEFT + _WIDE}%" y1="{number(y)}" y2="{number(y)}" stroke="currentColor" '
            'stroke-opacity=".15"/>'
        )
        parts.append(_text(_LEFT - 1, y + 4, text, "end"))
    parts.append(
        f'<svg x="{_LEFT}%" y="{base}" width="{_WIDE}%" height="{panel.height}" viewBox="0 0 1000 100" '
        'preserveAspectRatio="none" overflow="visible">'
    )
    if panel.zone is not None:
        low, high = (100 * (1 - place) for place in panel.zone)
        parts.append(
            f'<rect x="0" y="{number(high)}" width="1000" height="{number(low - high)}" fill="#2a9558" '
            'fill-opacity=".12"><title>the usual range, around 1e-3</title></rect>'
        )
    parts.append(_frame())
    faint = sum(line.stroke.colour == "faint" for line in panel.lines)
    parts += [_line(line, max(0.06, min(0.28, 6 / max(1, faint)))) for line in panel.lines]
    parts += [
        f'<path d="M{number(1000 * mark.place)} 0v100" stroke="{_BAD}" stroke-width="1.5" stroke-dasharray="4 3" '
        'vector-effect="non-scaling-stroke"/>'
        for mark in panel.marks
    ]
    parts.append("</svg>")
    if panel.marks:
        late = panel.marks[0].place > 1 - panel.marks[-1].place  # words stand where there is more room
        place, side, gap = (panel.marks[0].place, "end", -0.7) if late else (panel.marks[-1].place, "start", 0.7)
        for n, mark in enumerate(panel.marks):
            parts.append(_text(_LEFT + _WIDE * place + gap, base + 12 + 14 * n, mark.text, side, bold=True))
    if panel.empty:
        parts.append(_text(_LEFT + 2, base + panel.height / 2 + 4, panel.empty, faint=True))
    return "\n".join(parts)


def _frame() -> str:
    return '<path d="M0 0v100h1000" stroke="currentColor" stroke-opacity=".45" vector-effect="non-scaling-stroke"/>'


def _key(panel: Panel, y: float) -> str:
    """The head of a panel, with the names of its lines."""
    keys = "".join(
        f'<tspan dx="14" fill="{stroke.colour}" font-weight="bold">{"╌" if stroke.dash else "━"}</tspan>'
        f'<tspan dx="4">{escaped(name)}</tspan>'
        for name, stroke in panel.keys
    )
    return (
        f'<text x="1%" y="{number(y)}" fill="currentColor"><tspan font-weight="bold" font-size="12">'
        f"{escaped(panel.head)}</tspan>{keys}</text>"
    )


def _line(line: Line, faintness: float) -> str:
    faint = line.stroke.colour == "faint"
    colour = "currentColor" if faint else line.stroke.colour
    look = f'stroke="{colour}" stroke-width="{1 if faint else 1.8}"' + (
        f' stroke-opacity="{faintness:.2g}"' if faint else ""
    )
    look += f' stroke-dasharray="{line.stroke.dash}"' if line.stroke.dash else ""
    area = f'<path d="{_data(line.area)}z" fill="{colour}" fill-opacity=".16"/>' if line.area else ""
    data = _data(line.points)
    if len(line.points) == 1:
        data += "h.01"
        look = look.replace('stroke-width="1.8"', 'stroke-width="7"')
    return (
        f'{area}<path d="{data}" {look} stroke-linejoin="round" stroke-linecap="round" '
        f'vector-effect="non-scaling-stroke"><title>{escaped(line.title)}</title></path>'
    )


def _data(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{number(1000 * x)} {number(100 * (1 - y))}" for x, y in points)


def _file_row(row: Row, y: float) -> str:
    assert row.stroke is not None  # those that are listed are drawn
    dash = f' stroke-dasharray="{row.stroke.dash}"' if row.stroke.dash else ""
    return (
        f'<line x1="1%" x2="4%" y1="{y - 4}" y2="{y - 4}" stroke="{row.stroke.colour}" stroke-width="2"{dash}/>'
        + _text(5, y, f"{row.name} {row.shape}")
        + _text(52, y, f"gradient {row.gradient}")
        + _text(68, y, f"update {row.ratio}")
        + _text(83, y, row.status.partition(",")[0])
    )


def _text(
    x: float,
    y: float,
    text: str,
    anchor: str = "",
    *,
    size: int = 0,
    bold: bool = False,
    faint: bool = False,
) -> str:
    more = f' text-anchor="{anchor}"' if anchor else ""
    more += f' font-size="{size}"' if size else ""
    more += ' font-weight="bold"' if bold else ""
    more += ' fill-opacity=".75"' if faint else ""
    return f'<text x="{x:.5g}%" y="{number(y)}" fill="currentColor"{more}>{escaped(text)}</text>'
