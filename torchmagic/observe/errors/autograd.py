"""Rules for autograd: backward passes, leaves, operations in place, tensors that leave the graph."""

from __future__ import annotations

import ast
import re

import torch

from torchmagic.observe.errors.failure import Arg, Failure
from torchmagic.observe.errors.remedies import Candidate, changed_code, code_of, offered, with_args, with_method
from torchmagic.observe.errors.words import Finding, aligned, shape_text
from torchmagic.records import Remedy


def _subject(failure: Failure) -> Arg | None:
    return failure.tensors[0] if failure.tensors else None


def not_scalar(failure: Failure, match: re.Match[str]) -> Finding | None:
    """backward from many values."""
    y = _subject(failure)
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
    y = _subject(failure)
    name = y.text if y is not None else "the result"
    why = (
        f"The graph of {name} was freed by an earlier backward pass: compute {name} anew "
        f"before each backward(), or keep the graph in the first call."
    )
    if y is not None and failure.name == "backward":
        return Finding(
            "backward",
            why,
            None,
            (Remedy(f"{y.text}.backward(retain_graph=True)", "in the earlier call, if two passes are really meant"),),
        )
    return Finding("backward", why)


def no_graph(failure: Failure, match: re.Match[str]) -> Finding | None:
    """backward from a tensor that nothing with gradients led to."""
    y = _subject(failure)
    name = y.text if y is not None else "The tensor"
    why = (
        f"{name} does not require grad and has no grad_fn: no tensor with requires_grad=True "
        f"led to it, or detach(), no_grad or .item() cut it off on the way."
    )
    return Finding("backward", why)


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


def in_place_leaf(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A leaf changed in place."""
    node = failure.site.node
    w = _subject(failure)
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        w = next((each for each in failure.args if each.node is node.targets[0].value), w)
    name = w.text if w is not None else "The tensor"
    leaf = (
        f"{name} is a leaf that requires grad"
        if "view" not in match[0]
        else f"{name} is (part of) a leaf that requires grad"
    )
    why = f"{leaf}: autograd needs its value as it was, so it may not be changed in place while gradients are recorded."
    remedies: list[Remedy] = []
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        changed = ast.AugAssign(target=ast.Attribute(node.target, "data", ast.Store()), op=node.op, value=node.value)
        block = f"with torch.no_grad(): {ast.unparse(node)}"
        remedies = [Remedy(block, "changes it without recording: a step of training", True)]
        del changed
    elif isinstance(node, ast.stmt):
        remedies = [Remedy(f"with torch.no_grad(): {ast.unparse(node)}", "changes it without recording", True)]
    elif w is not None and w.node is not None:
        found = with_args(failure, {w: "{}.detach()"})
        remedies = list(offered(failure, [Candidate(found.node, "changes it without recording")], most=1))
        if failure.name.endswith("_"):
            remedies += offered(
                failure, [with_method(failure, failure.name[:-1], "makes a new tensor instead")], most=1
            )
    return Finding("leaf", why, None, tuple(remedies[:2]))


def shared_memory(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Writing into an expanded tensor."""
    x = _subject(failure)
    name = x.text if x is not None else "The tensor"
    why = (
        f"{name} was expanded: several of its elements are one place in memory, so "
        f"it cannot be written to; clone() gives each its own."
    )
    candidates = [with_args(failure, {x: "{}.clone()"})] if x is not None else []
    return Finding("in-place", why, None, offered(failure, candidates))


def saved_changed(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A tensor that the backward pass needs was changed."""
    function = re.search(r"output \d+ of (\w+?)(?:Backward\d*)?,", failure.message)
    version = re.search(r"is at version (\d+); expected version (\d+)", failure.message)
    shape = re.search(r"Tensor \[([\d, ]*)\]", failure.message)
    what = f"A tensor of shape ({shape[1]}{',' if ',' not in shape[1] else ''})" if shape else "A tensor"
    if function and function[1] != "NoneType":
        what = f"{what}, the result of {function[1]},"
    times = ""
    if version:
        number = int(version[1]) - int(version[2])
        times = f" {number} time{'s' * (number != 1)}"
    why = (
        f"{what} was changed in place{times} after the forward pass had saved it for the backward pass: "
        f"use y = y + 1 in the place of y += 1 (or of an operation that ends in _)."
    )
    return Finding("in-place", why)


def to_numpy(failure: Failure, match: re.Match[str]) -> Finding | None:
    """NumPy knows no gradients and no other devices."""
    cuda = "device type tensor" in match[0] or "cuda" in match[0]
    given = [each for each in failure.tensors if each.value.requires_grad] or failure.tensors
    x = given[0] if given else None
    name = x.text if x is not None else "The tensor"
    if cuda:
        why = f"NumPy works in the CPU's memory, and {name} is on another device."
        template = "{}.detach().cpu()" if x is not None and x.value.requires_grad else "{}.cpu()"
    else:
        why = f"{name} requires grad, and NumPy keeps no graph: detach it first."
        template = "{}.detach()"
    found = with_args(failure, dict.fromkeys(given[:4], template)) if given else Candidate(None)
    remedies: tuple[Remedy, ...] = ()
    if found.node is not None:
        code = code_of(found.node)
        remedies = (Remedy(code, "", True),)
    return Finding("numpy", why, None, remedies)


def unused(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A gradient for something that took no part."""
    names = [each.text for each in failure.tensors[1:]]
    which = re.search(r"index (\d+)", failure.message)
    place = int(which[1]) if which else 0
    name = names[place] if place < len(names) else "one of the tensors"
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


def inference(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Tensors made in inference mode."""
    x = next((each for each in failure.tensors if each.value.is_inference()), None)
    name = x.text if x is not None else "A tensor"
    why = (
        f"{name} was made in torch.inference_mode(), and such tensors take no part in "
        f"autograd: clone it outside, or use torch.no_grad() there."
    )
    remedies: tuple[Remedy, ...] = ()
    if x is not None and not failure.name.endswith("_"):
        found = with_args(failure, {x: "{}.clone()"})
        if found.node is not None:
            remedies = (Remedy(code_of(found.node), "an ordinary copy", True),)
    return Finding("inference", why, None, remedies)


def deep_copy(failure: Failure, match: re.Match[str]) -> Finding | None:
    """deepcopy of a computed tensor."""
    x = _subject(failure)
    name = x.text if x is not None else "The tensor"
    why = f"{name} is not a leaf: it was computed, and its graph cannot be copied."
    remedies = (
        (Remedy(changed_code("{}.detach().clone()", x), "a copy of the values", True),)
        if x is not None and x.node is not None
        else ()
    )
    return Finding("leaf", why, None, remedies)


def leaf_flag(failure: Failure, match: re.Match[str]) -> Finding | None:
    """requires_grad of a computed tensor."""
    x = _subject(failure)
    name = x.text if x is not None else "The tensor"
    why = (
        f"{name} is not a leaf: it was computed, so whether it requires grad "
        f"follows from its inputs; detach() gives one without."
    )
    remedies = (
        (Remedy(changed_code("{}.detach()", x), "the same values, outside the graph", True),)
        if x is not None and x.node is not None
        else ()
    )
    return Finding("leaf", why, None, remedies)


def hook(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A hook for a gradient that never comes."""
    x = _subject(failure)
    name = x.text if x is not None else "The tensor"
    remedies: tuple[Remedy, ...] = ()
    if x is not None and x.node is not None and x.dtype.is_floating_point:
        remedies = (Remedy(changed_code("{}.requires_grad_()", x), "before it is used", True),)
    return Finding("leaf", f"{name} does not require grad, so no gradient will ever reach it.", None, remedies)


def none_gradient(failure: Failure, match: re.Match[str]) -> Finding | None:
    """.grad is None."""
    node = failure.site.node
    if node is None:
        return None
    grads = [each for each in ast.walk(node) if isinstance(each, ast.Attribute) and each.attr == "grad"]
    for each in grads:
        from torchmagic.observe.errors.failure import value_of
        from torchmagic.observe.errors.site import node_text

        tensor = value_of(each.value, failure.world)
        if not issubclass(type(tensor), torch.Tensor):
            continue
        if failure.world.standins.made(tensor) or not (tensor.is_leaf or tensor.retains_grad):
            reason = "it is not a leaf, and only leaves keep their gradient (or call retain_grad() on it before)"
        elif tensor.grad is not None:
            continue
        elif not tensor.requires_grad:
            reason = "it does not require grad"
        else:
            reason = "no backward() has reached it yet, or its gradient was cleared"
        name = node_text(each.value)
        return Finding("grad-none", f"{name}.grad is None: {reason}.", extra=((name, "", tensor),))
    nothing = next((each for each in failure.args if each.value is None and each.node is not None), None)
    if nothing is None or isinstance(nothing.node, ast.Constant):
        return None
    why = (
        f"{nothing.text} is None, not a tensor: a function without a return "
        f"gives None, as do methods that only do something."
    )
    return Finding("type", why)


RULES = [
    (r"grad can be implicitly created only for scalar outputs", not_scalar),
    (r"backward through the graph a second time|have already been freed", freed),
    (r"does not require grad and does not have a grad_fn|does not require grad", no_graph),
    (r"Mismatch in shape: grad_output", gradient_shape),
    (r"(?:a view of )?a leaf Variable that requires grad", in_place_leaf),
    (r"refers to a single memory location|memory overlap", shared_memory),
    (r"modified by an inplace operation", saved_changed),
    (
        r"Can't call numpy\(\) on Tensor that requires grad|can't convert \w+(?::\d+)? device type tensor to numpy",
        to_numpy,
    ),
    (r"appears to not have been used in the graph", unused),
    (r"[Ii]nference tensor", inference),
    (r"support the deepcopy protocol", deep_copy),
    (r"change requires_grad flags of leaf", leaf_flag),
    (r"cannot register a hook on a tensor that doesn't require", hook),
    (r"'?NoneType'?", none_gradient),
]
