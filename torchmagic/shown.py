"""What every record can do: show itself in a notebook and a terminal, and be saved as JSON.

Renderers are imported when something is shown, so that records stay light.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, TypeVar

_Record = TypeVar("_Record", bound="Shown")

#: For each kind of record: its renderer as text and its renderer as HTML, as module and function.
_RENDERERS = {
    "TensorRecord": ("text:tensor_text", "html:tensor_html"),
    "GroupRecord": ("text:group_text", "html:group_html"),
    "Inspection": ("text:inspection_text", "html:inspection_html"),
    "Comparison": ("comparison_text:comparison_text", "comparison_html:comparison_html"),
    "Explanation": ("explanation_text:explanation_text", "explanation_html:explanation_html"),
    "GraphRecord": ("graph_text:graph_text", "graph_html:graph_html"),
    "LiveRecord": ("live_text:live_text", "live_html:live_html"),
}


class Shown:
    """A record that a notebook shows as HTML and a terminal as text."""

    __slots__ = ()

    def __str__(self) -> str:
        return self.to_text()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": self.to_text(), "text/html": _renderer(self, 1)(self)}

    def to_text(self, width: int = 80) -> str:
        """The record as text.

        Args:
            width: the columns that a line may take.

        >>> from torchmagic.records import TensorRecord
        >>> print(TensorRecord("weights", "Tensor", (64, 3, 7, 7), "float32", "cpu").to_text(40))
        weights  Tensor (64, 3, 7, 7) float32 on
            cpu
        """
        text: str = _renderer(self, 0)(self, width=width)
        return text

    def to_json(self) -> str:
        """The record as JSON text; NaN and infinities are the strings "NaN", "Infinity" and "-Infinity".

        >>> from torchmagic.records import TensorRecord
        >>> x = TensorRecord("x", "Tensor", (2, 3), "float32", "cpu")
        >>> TensorRecord.from_json(x.to_json()) == x
        True
        """
        from torchmagic.saved import to_json

        return to_json(self)

    @classmethod
    def from_json(cls: type[_Record], text: str | bytes) -> _Record:
        """The record that :meth:`to_json` wrote.

        Raises:
            TorchmagicError: the text is no JSON, or no record of this kind.

        >>> from torchmagic.graph_records import GraphRecord
        >>> GraphRecord.from_json(GraphRecord((), ()).to_json()) == GraphRecord((), ())
        True
        """
        from torchmagic.saved import from_json

        record: _Record = from_json(text, wanted=cls.__name__)
        return record


def _renderer(record: Shown, form: int) -> Any:
    module, _, name = _RENDERERS[type(record).__name__][form].partition(":")
    return getattr(import_module(f"torchmagic.render.{module}"), name)
