"""Notes on shapes: surprising broadcasting, a vector where a column was needed, a lost dimension, ``view``."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from torchmagic.observe.events import Event, Operand
from torchmagic.observe.note_code import Code, called, code_at, definition, remedy_text, replaced, set_apart, text
from torchmagic.records import Broadcast, Note

if TYPE_CHECKING:
    from torchmagic.observe.notes import CellFacts

_REDUCTIONS = frozenset({"sum", "mean", "std", "var", "norm", "prod", "amax", "amin", "logsumexp", "nansum", "nanmean"})
_LOSSES = frozenset({"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"})
_COMPARISONS = frozenset({"eq", "ne", "lt", "le", "gt", "ge", "__eq__", "__ne__"})


def notes(facts: CellFacts, tree: ast.Module) -> list[Note]:
    """The notes on shapes for a cell."""
    found: list[Note] = []
    for event in facts.events:
        if event.kind == "broadcast":
            found += _broadcast(facts, event)
        elif event.kind == "square":
            found += _square(facts, event)
    if facts.error is not None and not facts.explained and "view size is not compatible" in facts.error.message:
        found += _view_size(facts)
    return found


def _broadcast(facts: CellFacts, event: Event) -> list[Note]:
    code = code_at(event.place)
    if event.function in _LOSSES and isinstance(code.node, ast.Call):
        given = [*code.node.args, *(keyword.value for keyword in code.node.keywords)]
        code = Code(code.node, code.tree, tuple(given[:2]))  # also through a module: criterion(pred, y)
    elif not event.direct:
        code = Code(None, None)
    one, other = event.operands[:2]
    ours = [_operand_code(code, n) for n in range(2)]
    vector, column = (one, other) if len(one.shape) < len(other.shape) else (other, one)
    short = ours[0] if vector is one else ours[1]
    alike = _is_column(column, vector)
    if any(set_apart(node, reshaped=True) for node in ours):
        return []
    line = event.place.line if event.place is not None else 0
    indices = event.function in _COMPARISONS or not any("float" in each.dtype for each in (one, other))
    if alike and indices and any(set_apart(definition(code.tree, node, line + 1), reshaped=True) for node in ours):
        return []  # a table of all pairs, made on purpose
    if not alike and any(set_apart(definition(code.tree, node, line + 1), reshaped=False) for node in ours):
        return []
    names = tuple(
        text(node) or fallback for node, fallback in zip(ours, ("the left side", "the right side"), strict=True)
    )
    result = event.result.shape if event.result is not None else _together(one.shape, other.shape)
    drawn = Broadcast(((names[0], one.shape), (names[1], other.shape)), result)
    quoted = [f"`{name}` {_shape(operand)}" for name, operand in zip(names, (one, other), strict=True)]
    if alike:
        said = (
            f"{quoted[0]} with {quoted[1]} gave {_shape_text(result)}: every value against every other. "
            "Where one value for each row is meant, the vector has to be a column."
        )
        remedy = replaced(code.node, short, called(short, "unsqueeze(1)"))
        return [Note("column", said, remedy, names, facts.line(event), drawn)]
    said = f"{quoted[0]} with {quoted[1]} gave {_shape_text(result)}: broadcasting expanded both."
    remedy = ""
    if len(column.shape) - len(vector.shape) == 1:
        remedy = replaced(code.node, short, called(short, "unsqueeze(0)"))
    return [Note("broadcast", said, remedy, names, facts.line(event), drawn)]


def _is_column(column: Operand, vector: Operand) -> bool:
    return len(column.shape) == 2 and column.shape[1] == 1 and column.shape[:1] == vector.shape


def _together(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that two shapes broadcast to."""
    rank = max(len(one), len(other))
    padded = [(1,) * (rank - len(shape)) + shape for shape in (one, other)]
    return tuple(max(pair) for pair in zip(*padded, strict=True))


def _square(facts: CellFacts, event: Event) -> list[Note]:
    """``x / x.sum(dim=1)`` for a square x: it runs, and divides columns by the sums of rows."""
    code = code_at(event.place)
    if not event.direct or event.place is None:
        return []
    one, other = event.operands[:2]
    node = _operand_code(code, 0 if len(one.shape) == 1 else 1)
    matrix = _operand_code(code, 1 if len(one.shape) == 1 else 0)
    reduction = node if isinstance(node, ast.Call) else definition(code.tree, node, event.place.line + 1)
    if not (isinstance(reduction, ast.Call) and isinstance(reduction.func, ast.Attribute)):
        return []
    if reduction.func.attr not in _REDUCTIONS or not _over_last(reduction):
        return []
    kept = ast.Call(reduction.func, reduction.args, [*reduction.keywords, ast.keyword("keepdim", ast.Constant(True))])
    kept_text = remedy_text(kept)
    names = tuple(filter(None, (text(matrix), text(node))))
    if len(names) < 2:
        return []
    line = event.place.line
    remedy = replaced(code.node, node, kept_text) if node is reduction else f"{names[1]} = {kept_text}"
    said = (
        f"`{names[1]}` {_shape(other if len(other.shape) == 1 else one)} lost its dimension 1: "
        f"broadcasting lines it up with the columns of `{names[0]}`, not with its rows."
    )
    operands = (
        (names[0], (one if len(one.shape) == 2 else other).shape),
        (names[1], (one if len(one.shape) == 1 else other).shape),
    )
    result = event.result.shape if event.result is not None else None
    return [Note("keepdim", said, remedy, names, facts.line(event) and line, Broadcast(operands, result))]


def _over_last(call: ast.Call) -> bool:
    given = [keyword.value for keyword in call.keywords if keyword.arg in ("dim", "axis")]
    is_function = (
        isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name) and call.func.value.id == "torch"
    )
    given += call.args[1:2] if is_function else call.args[:1]
    return any(text(node).replace(" ", "") in ("1", "-1") for node in given)


def _view_size(facts: CellFacts) -> list[Note]:
    failed = next((event for event in reversed(facts.events) if event.kind == "failed"), None)
    if failed is None:
        return []
    code = code_at(failed.place)
    call = code.node
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "view"):
        return []
    name = text(call.func.value)
    remedy = remedy_text(ast.Call(ast.Attribute(call.func.value, "reshape"), call.args, call.keywords))
    said = (
        f"`{name}` is not contiguous: its elements do not lie in memory in the order of its indices, "
        "and `view` cannot change that."
    )
    return [Note("contiguous", said, remedy, (name,), facts.line(failed))]


def _operand_code(code: Code, number: int) -> Any:
    return code.operands[number] if number < len(code.operands) else None


def _shape(operand: Operand) -> str:
    return _shape_text(operand.shape)


def _shape_text(shape: tuple[int, ...]) -> str:
    return f"({shape[0]},)" if len(shape) == 1 else f"({', '.join(map(str, shape))})"
