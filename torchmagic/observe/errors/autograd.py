"""Rules for backward passes: what they begin with, freed graphs, results without a graph, custom Functions."""

from __future__ import annotations

import ast
import linecache
import re
from collections.abc import Sequence

from torchmagic.observe.errors.failure import MISSING, Arg, Failure, first
from torchmagic.observe.errors.remedies import code_of, with_args
from torchmagic.observe.errors.words import Finding, aligned, named, shape_text
from torchmagic.observe.recorded import Spot
from torchmagic.records import Remedy

_NUMBER = re.compile(
    r"'(?P<kind>float|int|numpy\.\w+)' object has no attribute '(?P<name>backward|grad|requires_grad_?|detach|grad_fn)'"
)


def of_numbers(message: str) -> bool:
    """Whether something of a tensor's was asked of a number or an array.

    >>> of_numbers("'float' object has no attribute 'backward'")
    True
    """
    return _NUMBER.search(message) is not None


def not_scalar(failure: Failure, match: re.Match[str]) -> Finding | None:
    """backward from many values."""
    y = first(failure)
    name = f"{y.text} has shape {shape_text(y.shape)}" if y is not None else "this tensor has several elements"
    why = f"backward() starts from one number, a scalar such as a loss; {name}."
    remedies: tuple[Remedy, ...] = ()
    if y is not None and y.node is not None and y.is_tensor:
        ways = (("sum", "adds the elements up first"), ("mean", "takes their mean first"))
        found = [with_args(failure, {y: f"{{}}.{way}()"}) for way, _ in ways]
        remedies = tuple(
            Remedy(code_of(each.node), text, True)
            for each, (_, text) in zip(found, ways, strict=True)
            if each.node is not None
        )
    return Finding("backward", why, None, remedies)


def freed(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A second backward pass through one graph."""
    y = first(failure)
    name = named(y, "the result")
    earlier = failure.recorded.earlier
    retained = Remedy(f"{name}.backward(retain_graph=True)", "in the earlier call, if two passes are really meant")
    remedies = (retained,) if y is not None and failure.name == "backward" else ()
    if earlier is None:
        why = (
            f"The graph of {name} was freed by an earlier backward pass: compute {name} anew "
            f"before each backward(), or keep the graph in the first call."
        )
    elif earlier.whole or earlier.shared is None:
        why = (
            f"{earlier.spot} already went through this graph and freed it: compute {name} anew "
            f"before each backward(), or keep the graph in that call."
        )
    else:
        shared = earlier.shared
        what = f"{shared.name} ({_made(shared)})" if shared.name else str(shared)
        why = (
            f"The graph of {name} goes back through {what}, whose own graph {earlier.spot} already went through and "
            f"freed. Compute it anew before each backward(), or detach it where the new graph begins."
        )
        if shared.name:
            detach = Remedy(f"{shared.name} = {shared.name}.detach()", "its values, without the old graph", True)
            remedies = (detach, *remedies)
    return Finding("backward", why, None, remedies)


def _made(spot: Spot) -> str:
    return f"made by {spot}"


def no_graph(failure: Failure, match: re.Match[str]) -> Finding | None:
    """backward from a tensor that nothing with gradients led to."""
    y = first(failure)
    name = named(y)
    cuts, left = failure.recorded.root_cuts, failure.recorded.left
    if cuts:
        by = " and ".join(_cut(each) for each in cuts[:2])
        why = f"{name} does not require grad and has no grad_fn: {by} cut it off, so no graph leads back from it."
    elif left:
        why = (
            f"{name} does not require grad and has no grad_fn: no tensor with requires_grad=True led to it. Before it, "
            f"{_cut(left[-1])} took values out of torch; what is computed from those has no graph."
        )
    else:
        why = (
            f"{name} does not require grad and has no grad_fn: no tensor with requires_grad=True "
            f"led to it, or detach(), no_grad or .item() cut it off on the way."
        )
    return Finding("backward", why, None, tuple(filter(None, (_without(failure, each) for each in cuts[:1]))))


def _cut(spot: Spot) -> str:
    return f"{spot} (of {spot.name})" if spot.name else str(spot)


def _without(failure: Failure, cut: Spot) -> Remedy | None:
    """What to write in the place of a cut."""
    step = _as_step(failure, cut) if cut.what == "no_grad" else None
    if step is not None:
        return step
    name = cut.name or "the tensor"
    texts = {
        "no_grad": "compute it outside torch.no_grad()",
        "inference_mode": "compute it outside torch.inference_mode()",
        "torch.tensor()": f"use {name} itself: torch.tensor() copies its values",
        "sample()": "use rsample(), which keeps gradients",
        "argmax()": "use softmax() in a loss: a number of a class has no gradient",
    }
    return Remedy("", texts[cut.what]) if cut.what in texts else None


def _as_step(failure: Failure, cut: Spot) -> Remedy | None:
    """``w = w - lr * w.grad`` as the change in place that keeps ``w`` the leaf that it is."""
    filename = cut.filename or failure.site.frame.f_code.co_filename
    try:
        statement = ast.parse(linecache.getline(filename, cut.line).strip()).body[0]
    except (SyntaxError, ValueError, IndexError):
        return None
    value = statement.value if isinstance(statement, ast.Assign) else None
    if not isinstance(statement, ast.Assign) or not isinstance(value, ast.BinOp):
        return None
    target = statement.targets[0]
    if not isinstance(target, ast.Name) or not isinstance(value.left, ast.Name) or target.id != value.left.id:
        return None
    code = ast.unparse(ast.AugAssign(ast.Name(target.id, ast.Store()), value.op, value.right))
    return Remedy(code, f"changes {target.id} in place, so that it stays a leaf", True)


def of_number(failure: Failure, match: re.Match[str]) -> Finding | None:
    """backward of a plain number."""
    given = failure.args[0] if failure.args else None
    name = given.text if given is not None else "This"
    known = next((spot for value, spot in failure.recorded.numbers if given is not None and value is given.value), None)
    kind = {"float": "a plain float", "int": "a plain int"}.get(match["kind"], "a NumPy value")
    if known is not None and given is not None and given.value is not MISSING:
        why = f"{name} is {kind}, not a tensor: {_cut(known)} took it out of its graph."
    else:
        why = f"{name} is {kind}, not a tensor: .item(), float() or .numpy() took the value out of its graph."
    return Finding("backward", f"{why} Call {match['name']} on the tensor itself, before that.")


def gradient_shape(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A gradient for backward with a shape of its own."""
    if len(failure.tensors) < 2:
        return None
    y, gradient = failure.tensors[0], failure.tensors[1]
    why = (
        f"The gradient given to backward must have the shape of {y.text}, {shape_text(y.shape)}; "
        f"{gradient.text} has {shape_text(gradient.shape)}."
    )
    code = f"{y.text}.backward(torch.ones_like({y.text}))" if failure.name == "backward" else ""
    clash = aligned([(y.text, y.shape), (gradient.text, gradient.shape)], [-1])
    return Finding("backward", why, clash, (Remedy(code, "a gradient of ones", True),) if code else ())


def gradient_dtype(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A gradient for backward of another dtype or on another device."""
    if len(failure.tensors) < 2:
        return None
    y, gradient = failure.tensors[0], failure.tensors[1]
    if "device" in match[0]:
        why = (
            f"The gradient given to backward must be on the device of {y.text}, {failure.device(y)}; "
            f"{gradient.text} is on {failure.device(gradient)}."
        )
    else:
        mine, other = (str(each.dtype).removeprefix("torch.") for each in (y, gradient))
        why = f"The gradient given to backward must have the dtype of {y.text}, {mine}; {gradient.text} is {other}."
    code = f"{y.text}.backward({gradient.text}.to({y.text}))" if failure.name == "backward" else ""
    return Finding("backward", why, None, (Remedy(code, "its dtype and device", True),) if code else ())


def gradient_kind(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A gradient for backward that is no tensor."""
    if failure.name not in ("backward", "grad") or not failure.args:
        return None
    y = failure.args[0]
    given = failure.args[1].text if len(failure.args) > 1 else "what is given"
    why = f"The gradient given to backward must be a tensor of the shape of {y.text}; {given} is none."
    if failure.name != "backward" or len(failure.args) < 2:
        return Finding("backward", why)
    code = f"{y.text}.backward(torch.full_like({y.text}, {given}))"
    if type(failure.args[1].value) in (list, tuple):
        code = f"{y.text}.backward(torch.tensor({given}))"
    return Finding("backward", why, None, (Remedy(code, "a tensor with these values"),))


def unused(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A gradient for something that took no part."""
    names = [each.text for each in failure.tensors[1:]]
    which = re.search(r"index (\d+)", failure.message)
    place = int(which[1]) if which else _apart(failure.tensors)
    name = names[place] if place is not None and place < len(names) else "one of the tensors"
    why = (
        f"{failure.tensors[0].text if failure.tensors else 'The result'} was not "
        f"computed from {name}, so there is no gradient for it."
    )
    node = failure.site.node
    remedies: tuple[Remedy, ...] = ()
    if isinstance(node, ast.Call):
        keywords = [*node.keywords, ast.keyword(arg="allow_unused", value=ast.Constant(True))]
        code = code_of(ast.Call(func=node.func, args=node.args, keywords=keywords))
        remedies = (Remedy(code, "gives None for it", True),)
    return Finding("backward", why, None, remedies)


def _apart(tensors: Sequence[Arg]) -> int | None:
    """Which of the tensors after the first is not behind it, where its graph is there; torch 2.11 does not tell."""
    todo = [tensors[0].value.grad_fn] if tensors else []
    if todo == [None]:
        return None
    seen: set[object] = set()
    while todo:
        node = todo.pop()
        if node is not None and node not in seen:
            seen |= {node, id(getattr(node, "variable", None))}
            todo += [before for before, _ in node.next_functions]
    for place, each in enumerate(tensors[1:]):
        if id(each.value) not in seen and each.value.grad_fn not in seen:
            return place
    return None


def not_differentiable(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A gradient for something that does not require one."""
    asked = next((each for each in failure.tensors[1:] if not each.value.requires_grad), None)
    name = named(asked, "one of the tensors")
    why = f"{name} does not require grad, so no gradient can be had for it."
    if asked is None:
        return Finding("backward", why)
    remedy = Remedy(f"{asked.text}.requires_grad_()", "before it is used", True)
    return Finding("backward", why, None, (remedy,) if asked.dtype.is_floating_point else ())


def not_a_number(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Anomaly mode found NaN."""
    spot = failure.recorded.stopped_at
    if spot is None:
        what = re.sub(r"Backward\d*$", "", match["function"])
        return Finding("anomaly", f"The backward pass of {what} gave NaN; anomaly mode stopped there.")
    of = f" (of {spot.name})" if spot.name else ""
    hints = {
        "Sqrt": "the derivative of a square root at 0 is infinite, and zero times infinity is NaN",
        "Div": "it divides by zero",
        "Log": "the derivative of a logarithm at 0 is infinite, and zero times infinity is NaN",
        "Pow": "its derivative at 0 is infinite, and zero times infinity is NaN",
        "LinalgVectorNorm": "a norm has no derivative at 0",
    }
    hint = f": {hints[spot.what]}" if spot.what in hints else ""
    return Finding("anomaly", f"The backward pass of {spot}{of} gave NaN{hint}. Anomaly mode stopped there.")


RULES = [
    (r"grad can be implicitly created only for scalar outputs", not_scalar),
    (r"backward through the graph a second time|have already been freed", freed),
    (r"One of the differentiated Tensors does not require grad", not_differentiable),
    (r"does not require grad and does not have a grad_fn|does not require grad", no_graph),
    (_NUMBER.pattern, of_number),
    (r"Mismatch in shape: grad_output", gradient_shape),
    (r"Mismatch in dtype: grad_output|invalid gradient at index \d+ - expected (?:device|type)", gradient_dtype),
    (r"gradients can be either Tensors or None|'(?:float|int)' object is not iterable", gradient_kind),
    (r"appears to not have been used in the graph", unused),
    (r"Function '?(?P<function>\w+)'? returned nan values", not_a_number),
]
