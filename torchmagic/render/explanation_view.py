"""What an explanation shows, in words: one source for its text and its HTML."""

from __future__ import annotations

from collections.abc import Sequence

from torchmagic.records import Explanation, Operand, SourceLine
from torchmagic.render.graph_view import shape_text, shorten

_MOST_OPERANDS = 6
_LONGEST_TITLE = 60


def title(explanation: Explanation) -> str:
    """What failed: the expression where it is short, else the operation.

    >>> title(Explanation("RuntimeError", "", operation="@", expression="x @ W"))
    'x @ W'
    """
    if explanation.expression and len(explanation.expression) <= _LONGEST_TITLE:
        return explanation.expression
    return explanation.operation or shorten(explanation.expression, _LONGEST_TITLE) or "this line"


def place_text(explanation: Explanation) -> str:
    """The error's class and the line.

    >>> place_text(Explanation("RuntimeError", "", filename="/a/b.py", source=(SourceLine(7, "x"),)))
    'RuntimeError, b.py line 7'
    """
    if not explanation.source:
        return explanation.error
    name = explanation.filename.replace("\\", "/").rpartition("/")[2]
    return f"{explanation.error}, {name + ' ' if name else ''}line {explanation.source[0].number}"


def shown_operands(explanation: Explanation) -> tuple[Sequence[Operand], int]:
    """The operands to show, tensors before others where there are many, and how many are left out."""
    operands = explanation.operands
    if len(operands) <= _MOST_OPERANDS:
        return operands, 0
    tensors = [each for each in operands if each.tensor is not None]
    others = [each for each in operands if each.tensor is None]
    kept = (tensors + others)[:_MOST_OPERANDS]
    return [each for each in operands if any(each is other for other in kept)], len(operands) - len(kept)


def operand_facts(operand: Operand) -> tuple[str, str, str, str]:
    """Shape, dtype, device and what else matters; of what is no tensor, its value.

    >>> operand_facts(Operand("n", value="3"))
    ('3', '', '', '')
    """
    record = operand.tensor
    if record is None:
        return (operand.value, "", "", "")
    layout = "" if record.layout == "strided" else f" {record.layout}"
    kind = "" if record.kind in ("Tensor", "Parameter") else f"{record.kind} "
    more = []
    if record.requires_grad:
        more.append(f"requires grad, {record.grad_fn or 'leaf'}")
    if record.value_text is not None and len(record.value_text) <= 40:
        more.append(f"= {record.value_text}")
    return (f"{kind}{shape_text(record.shape)}", f"{record.dtype}{layout}", record.device, "; ".join(more))


def clipped(line: SourceLine, indent: int, width: int) -> tuple[str, int, int]:
    """A source line without the common indentation, cut around its mark to fit; with the mark's new columns.

    >>> clipped(SourceLine(1, "    y = x @ W", 8, 13), 4, 60)
    ('y = x @ W', 4, 9)
    """
    text, start, end = line.text[indent:].rstrip(), max(line.start - indent, 0), max(line.end - indent, 0)
    text = text.replace("\t", " ")
    if len(text) <= width:
        return text, start, min(end, len(text))
    first = max(min(start - 8, len(text) - width + 1), 0) if end > width - 1 else 0
    cut = text[first : first + width - 2]
    left = "…" if first else ""
    right = "…" if first + len(cut) < len(text) else ""
    return left + cut + right, start - first + len(left), min(end - first, len(cut)) + len(left)
