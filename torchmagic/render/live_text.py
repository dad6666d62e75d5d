"""A LiveRecord as plain text that fits a terminal, and one line of it while it runs."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from torchmagic.live_records import LiveRecord
from torchmagic.render.live_scale import scale
from torchmagic.render.live_view import loss_names, make_view, value_text
from torchmagic.render.text import WIDTH

_BLOCKS = "▁▂▃▄▅▆▇█"
_CELLS = 12
_LONGEST_NAME = 30


def live_text(record: LiveRecord) -> str:
    """A few lines, 80 columns wide: losses and leaves with small curves, then notes.

    >>> from torchmagic.live_records import LossCurve
    >>> loss = LossCurve("loss", 3, (1, 2), (4.0, 1.0), (4.0, 1.0), (4.0, 1.0), 1.0, 2)
    >>> print(live_text(LiveRecord(2, 2, losses=(loss,))))
    Training seen: 2 steps in 0 s, loss 4 → 1
    loss                           4 → 1  █▂
    """
    view = make_view(record)
    lines = _wrapped(f"Training{'' if record.running else ' seen'}: {view.head}", "  ")
    for name, loss in zip(loss_names(record.losses), record.losses, strict=True):
        first = value_text(loss.means[0] if loss.means else None)
        lines.append(f"{_padded(name)} {first} → {value_text(loss.last)}  {small_curve(loss.means)}".rstrip())
    if view.rows:
        lines.append(f"{_padded('leaf')} {'gradient':>9}  {'curve':<{_CELLS}}  {'update':>9}  status")
    for row in view.rows:
        curve = f"{small_curve(row.norms):<{_CELLS}}"
        lines.append(f"{_padded(row.name)} {row.gradient:>9}  {curve}  {row.ratio:>9}  {row.status}")
    foot = view.foot.replace("are drawn faintly", "are not listed").replace("is drawn faintly", "is not listed")
    lines += _wrapped(foot, "") if foot else []
    for note in record.notes:
        where = f" (line {note.line})" if note.line is not None else ""
        lines += _wrapped(f"Note{where}: {note.text}", "    ")
        lines += [f"    {line}" for line in _wrapped(f"→ {note.remedy}", "  ", WIDTH - 4)] if note.remedy else []
    return "\n".join(lines)


def live_line(record: LiveRecord) -> str:
    """Where a loop is, in one line.

    >>> live_line(LiveRecord(1200, 1200, seconds=3.0))
    'step 1,200'
    """
    parts = [f"step {record.steps:,}"]
    names = loss_names(record.losses)
    parts += [f"{name} {value_text(loss.last)}" for name, loss in zip(names, record.losses, strict=True)]
    norms = [leaf.last_norm for leaf in record.parameters if leaf.last_norm is not None]
    ratios = [leaf.last_ratio for leaf in record.parameters if leaf.last_ratio is not None]
    for word, found in (("gradient norms", norms), ("update/weight", ratios)):
        if found:
            low, high = value_text(min(found)), value_text(max(found))
            parts.append(f"{word} {low}" if low == high else f"{word} {low} to {high}")
    return ", ".join(parts)


def small_curve(values: Sequence[float], most: int = _CELLS) -> str:
    """A curve in one line of block characters, lowest to highest.

    >>> small_curve([1.0, 2.0, 3.0, 4.0])
    '▂▄▆█'
    """
    if not values:
        return ""
    chosen = [values[i * (len(values) - 1) // max(1, most - 1)] for i in range(most)] if len(values) > most else values
    up = scale(chosen)
    return "".join(_BLOCKS[min(7, int(up.place(value) * 8))] for value in chosen)


def _padded(name: str) -> str:
    if len(name) > _LONGEST_NAME:
        name = f"…{name[1 - _LONGEST_NAME :]}"
    return f"{name:<{_LONGEST_NAME}}"


def _wrapped(text: str, later: str, width: int = WIDTH) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=later, break_on_hyphens=False) or [text]
