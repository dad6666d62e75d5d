"""Rules for leaves and their gradients, and for tensors that are to leave the graph."""

from __future__ import annotations

import ast
import re
from typing import Any

import torch

from torchmagic.observe.errors.failure import Failure, first, value_of
from torchmagic.observe.errors.remedies import Candidate, changed_code, code_of, with_args
from torchmagic.observe.errors.site import node_text
from torchmagic.observe.errors.words import Finding, named
from torchmagic.records import Remedy


def to_numpy(failure: Failure, match: re.Match[str]) -> Finding | None:
    """NumPy knows no gradients and no other devices."""
    cuda = "device type tensor" in match[0] or "cuda" in match[0]
    given = [each for each in failure.tensors if each.value.requires_grad] or failure.tensors
    x = given[0] if given else None
    name = named(x)
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


def inference(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Tensors made in inference mode."""
    x = next((each for each in failure.tensors if each.value.is_inference()), None)
    name = named(x, "A tensor")
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
    return _not_a_leaf(failure, "and its graph cannot be copied", "{}.detach().clone()", "a copy of the values")


def leaf_flag(failure: Failure, match: re.Match[str]) -> Finding | None:
    """requires_grad of a computed tensor."""
    text = "so whether it requires grad follows from its inputs; detach() gives one without"
    return _not_a_leaf(failure, text, "{}.detach()", "the same values, outside the graph")


def _not_a_leaf(failure: Failure, text: str, template: str, gives: str) -> Finding:
    x = first(failure)
    why = f"{named(x)} is not a leaf: it was computed, {text}."
    remedies: tuple[Remedy, ...] = ()
    if x is not None and x.node is not None:
        remedies = (Remedy(changed_code(template, x), gives, True),)
    return Finding("leaf", why, None, remedies)


def hook(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A hook for a gradient that never comes."""
    x = first(failure)
    name = named(x)
    remedies: tuple[Remedy, ...] = ()
    if x is not None and x.node is not None and x.dtype.is_floating_point:
        remedies = (Remedy(changed_code("{}.requires_grad_()", x), "before it is used", True),)
    return Finding("leaf", f"{name} does not require grad, so no gradient will ever reach it.", None, remedies)


def assigned_shape(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A gradient of another shape or dtype was assigned."""
    node = failure.site.node
    target = node.targets[0] if isinstance(node, ast.Assign) else None
    name = node_text(target.value) if isinstance(target, ast.Attribute) else "the tensor"
    what = "shape" if "size" in match[0] else "dtype"
    return Finding("leaf", f"{name}.grad must have the {what} of {name}: {match['got']} is not {match['wanted']}.")


def none_gradient(failure: Failure, match: re.Match[str]) -> Finding | None:
    """.grad is None."""
    node = failure.site.node
    if node is None:
        return None
    for each in ast.walk(node):
        if not isinstance(each, ast.Attribute) or each.attr != "grad":
            continue
        tensor = value_of(each.value, failure.world)
        if not issubclass(type(tensor), torch.Tensor):
            continue
        reason = _why_none(failure, tensor)
        if reason:
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


def _why_none(failure: Failure, tensor: Any) -> str:
    """Why a tensor has no gradient; "" where it has one."""
    made_up = failure.world.standins.made(tensor)
    if made_up or not (tensor.is_leaf or tensor.retains_grad):
        key = -1 if made_up or tensor.grad_fn is None else tensor.grad_fn._sequence_nr()
        known = failure.recorded.made.get(key)
        where = f", it was computed on line {known.line}," if known is not None else ""
        return f"it is not a leaf{where} and only leaves keep their gradient (or call retain_grad() on it before)"
    if tensor.grad is not None:
        return ""
    cuts = failure.recorded.cut_off.get(id(tensor), ())
    if not tensor.requires_grad:
        if cuts:
            return f"it does not require grad, since it came out of {cuts[-1]}; change the leaf in place there instead"
        return "it does not require grad"
    return "no backward() has reached it yet, or its gradient was cleared"


RULES = [
    (
        r"Can't call numpy\(\) on Tensor that requires grad|can't convert \w+(?::\d+)? device type tensor to numpy",
        to_numpy,
    ),
    (r"[Ii]nference tensor", inference),
    (r"support the deepcopy protocol", deep_copy),
    (r"change requires_grad flags of leaf", leaf_flag),
    (r"cannot register a hook on a tensor that doesn't require", hook),
    (r"assign a gradient of size '(?P<got>[^']*)' to a tensor of size '(?P<wanted>[^']*)'", assigned_shape),
    (r"assign a gradient with dtype '(?P<got>[^']*)' to a tensor with grad_dtype '(?P<wanted>[^']*)'", assigned_shape),
    (r"'?NoneType'?", none_gradient),
]
