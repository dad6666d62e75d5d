"""An answer beside what it should be, as plain text."""

from __future__ import annotations

from torchmagic.records import Comparison, Inspection
from torchmagic.render.text import inspection_text
from torchmagic.render.wrapping import WIDTH, wrapped

_GAP = "    "


def comparison_title(comparison: Comparison) -> str:
    """What differs, in a few words.

    >>> from torchmagic.records import TensorRecord
    >>> one = TensorRecord("expected", "Tensor", (3,), "float32", "cpu")
    >>> comparison_title(Comparison(one, TensorRecord("y", "Tensor", (3,), "float32", "cpu"), count=2))
    'y: 2 of 3 values differ'
    """
    got = comparison.got
    if comparison.count is None:
        return f"{got.name}: the shapes differ"
    total = 1
    for size in got.shape:
        total *= size
    return f"{got.name}: {comparison.count:,} of {total:,} values {'differs' if total == 1 else 'differ'}"


def comparison_text(comparison: Comparison, width: int = WIDTH) -> str:
    """Small tensors side by side, each value that differs in brackets; where that does not tell it, the facts of both.

    >>> from torchmagic.records import TensorRecord
    >>> expected = TensorRecord("expected", "Tensor", (2,), "float32", "cpu")
    >>> got = TensorRecord("y", "Tensor", (2,), "float32", "cpu")
    >>> print(comparison_text(Comparison(expected, got, (("1", "2"),), (("1", "3"),), ((0, 1),), 1)))
    y: 1 of 2 values differ
    expected    y
     1  2        1 [3]
    """
    lines = wrapped(comparison_title(comparison), width)
    expected, got = comparison.expected, comparison.got
    told = False
    if comparison.expected_rows and comparison.got_rows:
        left = _grid(comparison.expected_rows, frozenset())
        right = _grid(comparison.got_rows, frozenset(comparison.wrong))
        first = max(len("expected"), *map(len, left))
        if first + len(_GAP) + max(map(len, right)) <= width:
            lines += [f"{'expected':{first}}{_GAP}{comparison.got.name}"]
            for place in range(max(len(left), len(right))):
                one, other = (side[place] if place < len(side) else "" for side in (left, right))
                lines.append(f"{one:{first}}{_GAP}{other}".rstrip())
            told = (expected.shape, expected.dtype, expected.device) == (got.shape, got.dtype, got.device)
    if not told:
        lines.append(inspection_text(Inspection(tensors=(expected, got)), width))
    return "\n".join(lines)


def _grid(rows: tuple[tuple[str, ...], ...], wrong: frozenset[tuple[int, int]]) -> list[str]:
    width = max((len(cell) for row in rows for cell in row), default=0)
    return [
        "".join(
            f"[{cell:>{width}}]" if (r, c) in wrong else f" {cell:>{width}} " for c, cell in enumerate(row)
        ).rstrip()
        for r, row in enumerate(rows)
    ]
