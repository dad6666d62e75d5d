"""Notes on autograd: where requires_grad was lost, integers where gradients are wanted, zero gradients."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

from torchmagic.observe.events import Event
from torchmagic.observe.note_code import assignment, called, calls, code_at, remedy_text, statement_at, text
from torchmagic.records import Note, TensorRecord

if TYPE_CHECKING:
    from torchmagic.observe.notes import CellFacts

_NO_GRAD = "does not require grad and does not have a grad_fn"
_NO_INTEGERS = "can require gradients"
_LOSS = re.compile(r"loss|cost|criterion|objective", re.IGNORECASE)
_STRONG = ("detach", "data", "tensor", "as_tensor", "numpy", "no_grad", "item", "tolist")
_HOW = {
    "detach": "`.detach()`",
    "data": "`.data`",
    "tensor": "`torch.tensor(…)`",
    "as_tensor": "`torch.as_tensor(…)`",
    "numpy": "`.numpy()`",
    "item": "`.item()`",
    "tolist": "`.tolist()`",
    "no_grad": "`torch.no_grad()`",
}
_RELU = ("ReluBackward", "ThresholdBackward", "HardtanhBackward", "ClampMinBackward")


def notes(facts: CellFacts, tree: ast.Module) -> list[Note]:
    """The notes on autograd for a cell."""
    found: list[Note] = []
    cuts = [event for event in facts.events if event.kind == "cut"]
    if facts.error is not None and _NO_GRAD in facts.error.message:
        found += _cut_before_backward(facts, cuts, tree)
    if facts.error is not None and not facts.explained and _NO_INTEGERS in facts.error.message:
        found += _integer_wanted(facts, tree)
    found += _copied(facts, cuts)
    found += _lost(facts, cuts, tree)
    found += _loss_without_graph(facts, cuts, tree)
    found += _zeros(facts, tree)
    taken = {(note.line, note.kind) for note in found[:1]}
    return found[:1] + [note for note in found[1:] if (note.line, note.kind) not in taken]


def _cut(facts: CellFacts, event: Event, goal: str) -> Note:
    """What cut the graph, and the same code without that."""
    node = code_at(event.place).node if event.direct else None
    subject, remedy = _uncut(node, event)
    line = facts.line(event)
    name = text(subject)
    what = f"`{name}`" if name else "a tensor that requires gradients"
    if event.text == "no_grad":
        said = f"{what} was computed under `torch.no_grad()`, so autograd recorded nothing: {goal}."
    elif event.text in _HOW:
        said = f"{_HOW[event.text]} took {what} off the graph: {goal}."
    else:
        said = f"`{event.function}` has no gradient, and cut {what} off the graph: {goal}."
    return Note("detached", said, remedy, (name,) if name else (), line)


def _uncut(node: Any, event: Event) -> tuple[Any, str]:
    """The tensor that was cut off, and the code that would not have done it."""
    if event.text == "no_grad":
        return node, remedy_text(node)
    if isinstance(node, ast.Call) and event.text in ("tensor", "as_tensor"):
        subject = node.args[0] if node.args else None
        return subject, remedy_text(subject)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.value, remedy_text(node.func.value)
    if isinstance(node, ast.Attribute):
        return node.value, remedy_text(node.value)
    return node, ""


def _cut_before_backward(facts: CellFacts, cuts: list[Event], tree: ast.Module) -> list[Note]:
    strong = [event for event in cuts if event.text in _STRONG]
    for event in reversed([*(event for event in cuts if event not in strong), *strong]):
        return [_cut(facts, event, "`backward()` has no way back from there")]
    integers = [record for record in facts.tensors if record.dtype.startswith("int") and record.is_leaf]
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    for record in integers:
        definition_of = assignment(tree, ast.Name(record.name), 1 << 30)
        if record.name in used and definition_of is not None:
            return [_integer(record.name, record.dtype, definition_of)]
    return []


def _integer(name: str, dtype: str, statement: ast.Assign) -> Note:
    value = statement.value
    remedy = f"{name} = {called(value, 'float()')}.requires_grad_()"
    if isinstance(value, ast.Call):
        kept = [keyword for keyword in value.keywords if keyword.arg not in ("dtype", "requires_grad")]
        extra = [
            ast.keyword("dtype", ast.parse("torch.float32", mode="eval").body),
            ast.keyword("requires_grad", ast.Constant(True)),
        ]
        if text(value.func) in ("torch.tensor", "torch.arange", "torch.ones", "torch.zeros", "torch.full"):
            remedy = f"{name} = {remedy_text(ast.Call(value.func, value.args, [*kept, *extra]))}"
    said = f"`{name}` is {dtype}: only floating-point (and complex) tensors can require gradients."
    return Note("integer", said, remedy, (name,), statement.lineno)


def _integer_wanted(facts: CellFacts, tree: ast.Module) -> list[Note]:
    assert facts.error is not None
    line = facts.error.line
    statement = statement_at(tree, line) if line is not None else None
    if statement is None:
        return []
    if isinstance(statement, ast.Assign):
        target = statement.targets[0]
        if isinstance(target, ast.Attribute) and target.attr == "requires_grad":
            name = text(target.value)
            return [_plain_integer(name, f"{name} = {name}.float().requires_grad_()", line)]
        name = text(target)
        if isinstance(statement.value, ast.Call) and any(k.arg == "requires_grad" for k in statement.value.keywords):
            return [
                _integer(name, "a tensor of integers", ast.Assign([target], statement.value, lineno=statement.lineno))
            ]
    for call in calls(statement, lambda name: name in ("requires_grad_", "Parameter")):
        subject = call.func.value if call.func.attr == "requires_grad_" else (call.args or [None])[0]
        name = text(subject)
        fixed = f"{called(subject, 'float()')}.requires_grad_()"
        if call.func.attr == "Parameter":
            fixed = f"{text(call.func)}({called(subject, 'float()')})"
        elif isinstance(subject, ast.Name):
            fixed = f"{name} = {fixed}"
        return [_plain_integer(name, fixed, line)]
    return []


def _plain_integer(name: str, remedy: str, line: int | None) -> Note:
    said = f"`{name}` holds integers: only floating-point (and complex) tensors can require gradients."
    return Note("integer", said, remedy, (name,), line)


def _copied(facts: CellFacts, cuts: list[Event]) -> list[Note]:
    """``torch.tensor(t)`` of a tensor that requires gradients: never what was meant."""
    return [
        _cut(facts, event, "the copy has no gradient")
        for event in cuts
        if event.text in ("tensor", "as_tensor") and event.function in ("tensor", "as_tensor") and event.direct
    ]


def _lost(facts: CellFacts, cuts: list[Event], tree: ast.Module) -> list[Note]:
    """A leaf whose name was bound anew to a tensor that requires none."""
    found = []
    for record in facts.tensors:
        if record.name not in facts.leaves or "requires_grad lost" not in record.change or "in place" in record.change:
            continue
        statement = assignment(tree, ast.Name(record.name), 1 << 30)
        if statement is None or not _mentions(statement.value, record.name):
            continue
        lines = range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
        event = next((event for event in cuts if facts.line(event) in lines), None)
        if event is None:
            continue
        how = _HOW.get(event.text, f"`{event.function}`")
        under = event.text == "no_grad"
        said = f"{how} made a new tensor, which does not require grad, and `{record.name}` was bound to it."
        if under:
            said = f"Under {how} `{record.name}` was bound to a new tensor, which does not require grad."
        remedy = _in_place(record.name, statement.value) or f"{record.name}.requires_grad_()"
        found.append(Note("detached", said, remedy, (record.name,), statement.lineno))
    return found


def _mentions(node: Any, name: str) -> bool:
    return any(isinstance(each, ast.Name) and each.id == name for each in ast.walk(node))


def _in_place(name: str, value: Any) -> str:
    """``w = w - step`` as ``w -= step``."""
    if isinstance(value, ast.BinOp) and isinstance(value.left, ast.Name) and value.left.id == name:
        return remedy_text(ast.AugAssign(ast.Name(name), value.op, value.right))
    return ""


def _loss_without_graph(facts: CellFacts, cuts: list[Event], tree: ast.Module) -> list[Note]:
    """A loss whose inputs were cut off inside its own expression; one that is detached as a whole is for the log."""
    found = []
    for record in facts.tensors:
        if (
            record.shape
            or record.requires_grad
            or not _LOSS.search(record.name)
            or "requires_grad lost" in record.change
        ):
            continue
        statement = assignment(tree, ast.Name(record.name), 1 << 30)
        if statement is None or facts.error is not None:
            continue
        lines = range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
        for event in cuts:
            node = code_at(event.place).node
            if _LOSS.search(text(_uncut(node, event)[0])):
                continue  # a loss taken off the graph is for the log
            if facts.line(event) in lines and event.text in ("detach", "data") and not _same(node, statement.value):
                found.append(_cut(facts, event, f"`{record.name}` cannot be used for `backward()`"))
                break
    return found


def _same(one: Any, other: Any) -> bool:
    return one is None or ast.dump(one) == ast.dump(other)


def _zeros(facts: CellFacts, tree: ast.Module) -> list[Note]:
    found = [note for record in facts.tensors if (note := _dead(record, tree)) is not None]
    backwards = calls(tree, lambda name: name == "backward")
    if not backwards or facts.error is not None:
        return found
    last = backwards[-1].lineno
    if any(call.lineno > last for call in calls(tree, lambda name: name in ("zero_grad", "zero_"))):
        return found
    if any(not record.shape and record.stats is not None and record.stats.zeros for record in facts.tensors):
        return found  # a loss of exactly zero: nothing is left to learn
    zero = [record.name for record in facts.tensors if record.grad_norm == 0 and "grad" in record.change]
    if zero:
        loss = text(getattr(backwards[-1].func, "value", None))
        names = ", ".join(f"`{name}.grad`" for name in zero[:3]) + (" …" if len(zero) > 3 else "")
        said = f"{names} {'is' if len(zero) == 1 else 'are'} all zeros: a small change there does not change `{loss}`."
        remedy = f"%gradtrace {loss}" if loss.isidentifier() else ""
        found.append(Note("zeros", said, remedy, tuple(zero), last))
    return found


def _dead(record: TensorRecord, tree: ast.Module) -> Note | None:
    stats = record.stats
    if stats is None or stats.zeros != stats.count or stats.count < 4 or not (record.grad_fn or "").startswith(_RELU):
        return None
    statement = assignment(tree, ast.Name(record.name), 1 << 30)
    said = f"`{record.name}` is all zeros: the ReLU let nothing through, so no gradient goes back through it."
    before = _inside(statement.value) if statement is not None else ""
    remedy = f"{record.name} = torch.nn.functional.leaky_relu({before})" if before else ""
    return Note("zeros", said, remedy, (record.name,), statement.lineno if statement is not None else None)


def _inside(value: Any) -> str:
    if not isinstance(value, ast.Call):
        return ""
    if value.args:
        return remedy_text(value.args[0])
    return text(value.func.value) if isinstance(value.func, ast.Attribute) else ""
