"""Tensor records as an HTML table: no script, no network, legible on light and dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torchmagic.records import TensorRecord
from torchmagic.render.graph_templates import template
from torchmagic.render.text import number, shape_text


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    kind: str
    below: str
    shape: str
    dtype: str
    device: str
    autograd: str
    grad: str
    numbers: tuple[str, ...]
    nans: int
    infs: int
    change: str
    note: str


def tensors_html(records: Sequence[TensorRecord], more: int = 0) -> str:
    """A table with a row for each record; everything from the user's program is escaped.

    >>> "<script>" in tensors_html([TensorRecord("<script>", "Tensor", (), "float32", "cpu")])
    False
    """
    return template("tensors.html.j2").render(
        rows=[_row(record) for record in records],
        statistics=any(record.stats is not None for record in records),
        changes=any(record.change for record in records),
        sampled=any(record.stats is not None and record.stats.sampled for record in records),
        more=more,
    )


def _row(record: TensorRecord) -> _Row:
    stats = record.stats
    values = (stats.minimum, stats.maximum, stats.mean, stats.std) if stats else (None,) * 4
    autograd = (record.grad_fn or "leaf") if record.requires_grad else "–"
    return _Row(
        name=record.name,
        kind=record.kind,
        below=f"= {record.value_text}" if record.value_text is not None else "",
        shape=shape_text(record.shape),
        dtype=record.dtype if record.layout == "strided" else f"{record.dtype} {record.layout}",
        device=record.device,
        autograd=autograd,
        grad=record.grad or "",
        numbers=tuple(number(value) for value in values),
        nans=stats.nans if stats else 0,
        infs=stats.infs if stats else 0,
        change=record.change,
        note=record.trouble,
    )
