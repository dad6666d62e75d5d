"""A broadcast set out dimension by dimension: sizes right-aligned under each other, expanded ones marked."""

from __future__ import annotations

from dataclasses import dataclass

from torchmagic.records import Broadcast


@dataclass(frozen=True, slots=True)
class Size:
    """One size: as text (``"3"``, ``"1 → 4"``, ``"· → 4"`` for a dimension that was not there), and whether it grew."""

    text: str
    expanded: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """The sizes of one operand, or of the result, one for each dimension."""

    name: str
    sizes: tuple[Size, ...]


def dimensions(broadcast: Broadcast) -> tuple[str, ...]:
    """The dimensions as they are counted from the last: the direction in which broadcasting lines them up.

    >>> dimensions(Broadcast((("a", (3, 1)), ("b", (4,))), (3, 4)))
    ('-2', '-1')
    """
    return tuple(str(-n) for n in range(_rank(broadcast), 0, -1))


def rows(broadcast: Broadcast) -> tuple[Row, ...]:
    """A row for each operand, and one for the result where there is one.

    >>> for row in rows(Broadcast((("a", (3, 1)), ("b", (4,))), (3, 4))):
    ...     print(row.name, [size.text for size in row.sizes])
    a ['3', '1 → 4']
    b ['· → 3', '4']
    result ['3', '4']
    """
    rank = _rank(broadcast)
    result = broadcast.result
    whole = (None,) * rank if result is None else (*([None] * (rank - len(result))), *result)
    found = [
        Row(name, tuple(_size(size, full) for size, full in zip(_padded(shape, rank), whole, strict=True)))
        for name, shape in broadcast.operands
    ]
    if result is not None:
        found.append(Row("result", tuple(Size("" if size is None else _plain(size)) for size in _padded(result, rank))))
    return tuple(found)


def text(broadcast: Broadcast, width: int = 76) -> list[str]:
    """The rows as aligned lines of text; first dimensions are left out where there are more than fit ``width``.

    >>> print("\\n".join(text(Broadcast((("a", (3, 1)), ("b", (4,))), (3, 4)))))
    dim        -2     -1
    a           3  1 → 4
    b       · → 3      4
    result      3      4
    """
    table = [("dim", dimensions(broadcast))]
    table += [
        (_short(row.name, min(24, width // 3)), tuple(size.text for size in row.sizes)) for row in rows(broadcast)
    ]
    first = max(len(name) for name, _ in table)
    widths = [max(len(cells[n]) for _, cells in table) for n in range(_rank(broadcast))]
    taken = [first + 3 * (n > 0) + sum(size + 2 for size in widths[n:]) for n in range(len(widths) + 1)]
    start = next(n for n, columns in enumerate(taken) if columns <= width or n == len(widths))
    cut = "  …" if start else ""
    return [
        "  ".join([name.ljust(first) + cut, *map(str.rjust, cells[start:], widths[start:])]).rstrip()
        for name, cells in table
    ]


def _rank(broadcast: Broadcast) -> int:
    shapes = [shape for _, shape in broadcast.operands]
    return max(map(len, [*shapes, broadcast.result or ()]))


def _padded(shape: tuple[int, ...], rank: int) -> tuple[int | None, ...]:
    return (*([None] * (rank - len(shape))), *shape)


def _size(size: int | None, full: int | None) -> Size:
    if full is None or size == full:
        return Size("·" if size is None else _plain(size))
    return Size(f"{'·' if size is None else _plain(size)} → {_plain(full)}", expanded=True)


def _plain(size: int) -> str:
    return "?" if size < 0 else str(size)


def _short(name: str, width: int) -> str:
    return name if len(name) <= width else name[: width - 1] + "…"
