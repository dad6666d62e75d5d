"""Tensor records as plain text that fits a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from torchmagic.records import Stats, TensorRecord

WIDTH = 80
_INDENT = "    "


def tensors_text(records: Sequence[TensorRecord], more: int = 0) -> str:
    """A few lines for each record, 80 columns wide.

    >>> print(tensors_text([TensorRecord("x", "Tensor", (2, 3), "float32", "cpu", change="new")]))
    x  Tensor (2, 3) float32 on cpu · new
    """
    lines = [line for record in records for line in _lines(record)]
    if more:
        lines.append(f"… and {more} more: raise --max-rows to see them")
    return "\n".join(lines)


def shape_text(shape: Sequence[int]) -> str:
    """A shape as Python writes it; a size that is not known is ``?``.

    >>> shape_text((3, -1)), shape_text((2,)), shape_text(())
    ('(3, ?)', '(2,)', '()')
    """
    sizes = ["?" if size < 0 else str(size) for size in shape]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"


def autograd_text(record: TensorRecord) -> str:
    """What autograd makes of the tensor: ``requires grad, leaf``, ``requires grad, MulBackward0``, or "".

    >>> autograd_text(TensorRecord("w", "Parameter", (), "float32", "cpu", requires_grad=True))
    'requires grad, leaf'
    """
    if not record.requires_grad:
        return ""
    return f"requires grad, {record.grad_fn or 'leaf'}"


def number(value: float | None) -> str:
    """A statistic in at most four significant digits; a dash where it is not defined.

    >>> number(0.123456), number(None), number(3.0), number(-0.0)
    ('0.1235', '–', '3', '0')
    """
    if value is None:
        return "–"
    return "0" if value == 0 else f"{value:.4g}"


def stats_pairs(stats: Stats) -> list[tuple[str, str]]:
    """The statistics as (name, text), in the order in which they are shown."""
    names = ("min", "max", "mean", "std")
    values = (stats.minimum, stats.maximum, stats.mean, stats.std)
    return [*zip(names, map(number, values), strict=True), ("NaN", f"{stats.nans:,}"), ("inf", f"{stats.infs:,}")]


def _lines(record: TensorRecord) -> list[str]:
    layout = "" if record.layout == "strided" else f" {record.layout}"
    head = f"{record.name}  {record.kind} {shape_text(record.shape)} {record.dtype}{layout} on {record.device}"
    parts = [head, *filter(None, (autograd_text(record), record.change))]
    lines = _wrap(" · ".join(parts), "")
    if record.stats is not None:
        pairs = [f"{name} {text}" for name, text in stats_pairs(record.stats)]
        if record.stats.sampled:
            pairs.append(f"of a sample of {record.stats.count:,}")
        lines += _wrap("  ".join(pairs))
    if record.value_text is not None:
        lines += _wrap(f"= {record.value_text}")
    if record.grad is not None:
        lines += _wrap(f"grad {record.grad}")
    if record.trouble:
        lines += _wrap(f"({record.trouble})")
    return lines


def _wrap(text: str, indent: str = _INDENT) -> list[str]:
    later = indent or _INDENT
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=later, break_on_hyphens=False) or [text]
