"""A LiveRecord as plain text that fits a terminal, and one line of it while it runs."""

from __future__ import annotations

from collections.abc import Sequence

from torchmagic.live_records import LiveRecord
from torchmagic.render.live_scale import scale
from torchmagic.render.live_view import make_view
from torchmagic.render.live_words import loss_names, value_text
from torchmagic.render.wrapping import LEAST, WIDTH, cells, wrapped

_BLOCKS = "▁▂▃▄▅▆▇█"
_CELLS = 12
_LONGEST_NAME = 30


def live_text(record: LiveRecord, width: int = WIDTH) -> str:
    """A few lines of at most ``width`` columns: losses and leaves with small curves, then notes.

    >>> from torchmagic.live_records import LossCurve
    >>> loss = LossCurve("loss", 3, (1, 2), (4.0, 1.0), (4.0, 1.0), (4.0, 1.0), 1.0, 2)
    >>> print(live_text(LiveRecord(2, 2, losses=(loss,))))
    Training seen: 2 steps in 0 s, loss 4 → 1
    loss                           4 → 1  █▂
    """
    view = make_view(record)
    width = max(width, LEAST)
    most = _CELLS if width >= 60 else 0  # a narrow window keeps the numbers
    others = len(_row("", "", "", "", "", 0, most)) + max((cells(row.status) for row in view.rows), default=0)
    name_width = min(_LONGEST_NAME, max(8, width - others))
    lines = wrapped(f"Training{'' if record.running else ' seen'}: {view.head}", width, later="  ")
    for name, loss in zip(loss_names(record.losses), record.losses, strict=True):
        first = value_text(loss.means[0]) if loss.means else "–"
        curve = small_curve(loss.means, most) if most else ""
        lines.append(f"{_padded(name, name_width)} {first} → {value_text(loss.last)}  {curve}".rstrip())
    if view.rows:
        lines.append(_row("leaf", "gradient", "curve" if most else "", "update", "status", name_width, most))
    for row in view.rows:
        curve = small_curve(row.norms, most) if most else ""
        lines += _fitted(_row(row.name, row.gradient, curve, row.ratio, row.status, name_width, most), width)
    foot = view.foot.replace("are drawn faintly", "are not listed").replace("is drawn faintly", "is not listed")
    lines += wrapped(foot, width, later="")
    for note in record.notes:
        where = f" (line {note.line})" if note.line is not None else ""
        lines += wrapped(f"Note{where}: {note.text}", width)
        lines += wrapped(f"→ {note.remedy}", width, first="    ", later="      ") if note.remedy else []
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


def _row(name: str, gradient: str, curve: str, ratio: str, status: str, name_width: int, most: int) -> str:
    middle = f"{curve:<{most}}  " if most else ""
    return f"{_padded(name, name_width)} {gradient:>9}  {middle}{ratio:>9}  {status}"


def _padded(name: str, width: int) -> str:
    if len(name) > width:
        name = f"…{name[1 - width :]}"
    return f"{name:<{width}}"


def _fitted(line: str, width: int) -> list[str]:
    return [line] if cells(line) <= width else wrapped(line, width)
