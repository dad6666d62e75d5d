"""A LiveRecord as an HTML figure: its panels, a table of leaves, and notes; no script."""

from __future__ import annotations

from dataclasses import dataclass, replace

from markupsafe import Markup

from torchmagic.live_records import LiveRecord
from torchmagic.records import Note
from torchmagic.render.graph_look import Theme
from torchmagic.render.graph_svg import BACKGROUNDS, COLOURS
from torchmagic.render.graph_templates import template
from torchmagic.render.live_svg import draw
from torchmagic.render.live_view import make_view

_MOST_ROWS = 200


@dataclass(frozen=True, slots=True)
class _Note:
    spans: tuple[tuple[str, bool], ...]
    remedy: str
    line: int | None


def live_html(record: LiveRecord, theme: Theme = "auto") -> str:
    """The picture of a training loop; everything from the user's program is escaped.

    >>> "<script" in live_html(LiveRecord(notes=(Note("still", "`<script>` never changed."),)))
    False
    """
    view = make_view(record)
    if record.running:  # drawn many times: the leaves that are not in the picture can wait
        view = replace(view, hidden=())
    background = BACKGROUNDS.get(theme, "")
    html = template("live.html.j2").render(
        view=view,
        svg=Markup(draw(view, theme)),  # escaped where it was made
        colour=COLOURS[theme] if background else "var(--jp-content-font-color1, inherit)",
        background=background,
        running=record.running,
        notes=[_note(note) for note in record.notes],
        most_rows=_MOST_ROWS,
    )
    return html.strip()


def _note(note: Note) -> _Note:
    spans = tuple((text, n % 2 == 1) for n, text in enumerate(note.text.split("`")) if text)
    return _Note(spans, note.remedy, note.line)
