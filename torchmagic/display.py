"""What the magics and the functions for scripts give: records that show themselves as text and as HTML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torchmagic.records import GraphRecord, TensorRecord


@dataclass(frozen=True)
class Tensors:
    """Records of tensors; a notebook shows them as a table, a terminal as text.

    Attributes:
        records: one for each tensor.
        more: how many more there were than are shown.

    >>> print(Tensors((TensorRecord("x", "Tensor", (2,), "int64", "cpu"),)))
    x  Tensor (2,) int64 on cpu
    """

    records: tuple[TensorRecord, ...]
    more: int = 0

    def __str__(self) -> str:
        from torchmagic.render.text import tensors_text

        return tensors_text(self.records, self.more)

    def __repr__(self) -> str:
        return str(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from torchmagic.render.html import tensors_html

        return {"text/plain": str(self), "text/html": tensors_html(self.records, self.more)}


@dataclass(frozen=True)
class Graph:
    """The record of an autograd graph; a notebook shows it as a picture, a terminal as text.

    Attributes:
        record: the graph as data.
    """

    record: GraphRecord

    def __str__(self) -> str:
        from torchmagic.render.graph_text import graph_text

        return graph_text(self.record)

    def __repr__(self) -> str:
        return str(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from torchmagic.render.graph_html import graph_html

        return {"text/plain": str(self), "text/html": graph_html(self.record)}

    @property
    def svg(self) -> str:
        """The picture alone, as SVG."""
        from torchmagic.render.graph_svg import graph_svg

        return graph_svg(self.record)
