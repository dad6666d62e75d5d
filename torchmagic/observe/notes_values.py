"""Notes on elements, dtypes, devices and memory: NaN, float64 with float32, a changed view, a lost fraction."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from torchmagic.observe.events import Event
from torchmagic.observe.note_code import assignment, called, calls, code_at, remedy_text, replaced, text
from torchmagic.records import Note, TensorRecord

if TYPE_CHECKING:
    from torchmagic.observe.notes import CellFacts

_WHY = {
    "log": ("the logarithm of a number that is not positive", "clamp(min=1e-8)"),
    "log2": ("the logarithm of a number that is not positive", "clamp(min=1e-8)"),
    "log10": ("the logarithm of a number that is not positive", "clamp(min=1e-8)"),
    "sqrt": ("the square root of a negative number", "clamp(min=0)"),
    "rsqrt": ("one over the square root of a number that is not positive", "clamp(min=1e-8)"),
    "asin": ("a number outside -1 to 1", "clamp(-1, 1)"),
    "acos": ("a number outside -1 to 1", "clamp(-1, 1)"),
    "log1p": ("the logarithm of a number that is not positive", "clamp(min=-0.999)"),
}
_DIVISIONS = ("div", "true_divide", "divide", "__rtruediv__", "__rdiv__", "reciprocal")
_DOUBLE = ("double", "float64")
_DEVICES = ("on the same device", "is not on the expected device", "two devices")


def notes(facts: CellFacts, tree: ast.Module) -> list[Note]:
    """The notes on elements for a cell."""
    found: list[Note] = []
    for event in facts.events:
        if event.kind == "promotion":
            found += _promotion(facts, event)
        elif event.kind == "truncated":
            found += _truncated(facts, event)
        elif event.kind == "view":
            found += _view(facts, event)
    found += _not_finite(facts, tree)
    if facts.error is not None and not facts.explained and any(words in facts.error.message for words in _DEVICES):
        found += _devices(facts)
    return found


def _promotion(facts: CellFacts, event: Event) -> list[Note]:
    code = code_at(event.place)
    operands = list(code.operands)[:2] if event.direct else []
    whole = text(code.node)
    if any(word in whole for word in _DOUBLE):
        return []  # the expression itself asks for float64
    wide = next((n for n, operand in enumerate(event.operands) if operand.dtype == "float64"), 0)
    names = tuple(text(node) or "an operand" for node in operands) or ("an operand", "another")
    if len(names) < 2 or wide > 1:
        return []
    said = f"`{names[wide]}` is float64 and `{names[1 - wide]}` float32: the result is float64, with twice the memory."
    node = operands[wide] if operands else None
    remedy = f"{names[wide]} = {names[wide]}.float()" if isinstance(node, ast.Name) else ""
    remedy = remedy or replaced(code.node, node, called(node, "float()"))
    return [Note("float64", said, remedy, names, facts.line(event))]


def _truncated(facts: CellFacts, event: Event) -> list[Note]:
    name = _changed_name(event)
    subject = text(name)
    if not subject:
        return []
    said = f"`{subject}` is {event.operands[0].dtype}: {event.text} was stored as {int(float(event.text))}."
    return [Note("integer", said, f"{subject} = {subject}.float()", (subject,), facts.line(event))]


def _view(facts: CellFacts, event: Event) -> list[Note]:
    """A view that has a name of its own was changed, and the tensor that it looks into has one, too."""
    name = _changed_name(event)
    base = event.base() if event.base is not None else None
    of = (facts.names or {}).get(id(base)) if base is not None else None
    if not event.direct or not isinstance(name, ast.Name) or of is None or of == name.id:
        return []
    line = event.place.line if event.place is not None else 0
    made = assignment(code_at(event.place).tree, name, line)
    value = remedy_text(made.value) if made is not None else ""
    copied = f"{value}.clone()" if value and isinstance(made.value, (ast.Subscript, ast.Call, ast.Attribute)) else ""
    remedy = f"{name.id} = {copied or name.id + '.clone()'}"
    said = f"`{name.id}` is a view of `{of}`: changing it in place changed `{of}` too."
    return [Note("view", said, remedy, (name.id, of), facts.line(event))]


def _changed_name(event: Event) -> Any:
    """The expression that an in-place operation changed."""
    node = code_at(event.place).node
    if isinstance(node, (ast.Assign, ast.AugAssign)):
        node = node.target if isinstance(node, ast.AugAssign) else node.targets[0]
        return node.value if isinstance(node, ast.Subscript) else node
    if isinstance(node, ast.Subscript):
        return node.value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.value
    return None


def _not_finite(facts: CellFacts, tree: ast.Module) -> list[Note]:
    """Where NaN or an infinity came from, if the cell left one in a tensor that the user can see."""
    ill = [record for record in facts.tensors if record.stats is not None and record.stats.nans]
    infinite = [record for record in facts.tensors if record.stats is not None and record.stats.infs]
    gradients = [
        record for record in facts.tensors if record.grad_norm is not None and record.grad_norm != record.grad_norm
    ]
    events = [event for event in facts.events if event.kind == "nonfinite"]
    if not (ill or infinite or gradients):
        return []
    for event in events:
        if event.text == "NaN" and not (ill or gradients):
            continue
        return [_first(facts, event)]
    return _unseen(ill, gradients, tree)


def _first(facts: CellFacts, event: Event) -> Note:
    code = code_at(event.place)
    whole = text(code.node)
    operands = list(code.operands) if event.direct else []
    where = f"`{whole}`" if whole and "=" not in whole else "this line"
    sick = [n for n, operand in enumerate(event.operands) if operand.finite is False]
    if sick and sick[0] < len(operands) and (name := text(operands[sick[0]])):
        said = f"`{name}` already holds NaN or inf, and everything computed from it does: {where} is {event.text}."
        remedy = f"{name} = torch.nan_to_num({name})" if name.isidentifier() else ""
        return Note("nan", said, remedy, (name,), facts.line(event))
    said = f"{event.text} first appeared here, in {where}"
    remedy = ""
    if event.direct and event.function in _WHY and operands:
        why, mend = _WHY[event.function]
        said += f": {why}"
        remedy = replaced(code.node, operands[0], called(operands[0], mend))
    elif event.direct and event.function in _DIVISIONS and isinstance(code.node, ast.BinOp):
        below = code.node.right
        said += ": a division by zero"
        remedy = replaced(code.node, below, f"({text(below)} + 1e-8)")
    elif event.text == "inf":
        said += ": the result is larger than the dtype can hold"
    names = tuple(name for node in operands[:2] if (name := text(node)).isidentifier())
    return Note("nan", f"{said}.", remedy, names, facts.line(event))


def _unseen(ill: list[TensorRecord], gradients: list[TensorRecord], tree: ast.Module) -> list[Note]:
    """NaN that came up in a backward pass, or after the watch had ended."""
    backwards = calls(tree, lambda name: name == "backward")
    if gradients and backwards and not ill:
        name = gradients[0].name
        said = f"`{name}.grad` holds NaN, and `{name}` does not: it first appeared in the backward pass."
        return [
            Note(
                "nan",
                said,
                "with torch.autograd.detect_anomaly(): " + text(backwards[-1]),
                (name,),
                backwards[-1].lineno,
            )
        ]
    for record in ill:
        computed = record.grad_fn is not None or record.change.startswith("in place")
        if computed:
            statement = assignment(tree, ast.Name(record.name), 1 << 30)
            line = statement.lineno if statement is not None else None
            return [Note("nan", f"`{record.name}` holds NaN: smaller steps often help.", "", (record.name,), line)]
    return []


def _devices(facts: CellFacts) -> list[Note]:
    failed = next((event for event in reversed(facts.events) if event.kind == "failed"), None)
    if failed is None or len({operand.device for operand in failed.operands}) < 2:
        return []
    code = code_at(failed.place)
    if len(code.operands) < 2 or not failed.direct:
        return []
    names = [text(node) for node in code.operands[:2]]
    one, other = failed.operands[:2]
    said = f"`{names[0]}` is on {one.device} and `{names[1]}` on {other.device}: an operation wants both on one device."
    remedy = replaced(code.node, code.operands[1], called(code.operands[1], f"to({names[0]}.device)"))
    return [Note("devices", said, remedy, tuple(names), facts.line(failed))]
