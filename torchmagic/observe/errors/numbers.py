"""Rules for tensors where Python wants one number or one truth, and for lists where torch wants numbers."""

from __future__ import annotations

import ast
import re

import torch

from torchmagic.observe.errors.failure import MISSING, Arg, Failure
from torchmagic.observe.errors.remedies import Candidate, as_code, changed_code, code_of, offered, with_args
from torchmagic.observe.errors.words import Finding, count
from torchmagic.records import Remedy


def ragged(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Lists that make no box."""
    why = (
        f"The lists make no rectangle: at depth {match['dim']} one has length {match['wanted']} and another "
        f"{match['got']}. All rows of a tensor have the same length."
    )
    return Finding("list", why)


def one_element(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A Python number of a tensor with more than one element; or torch.tensor of tensors."""
    if failure.name in ("tensor", "as_tensor", "Tensor", "FloatTensor"):
        lists = [each for each in failure.args if each.is_tensor]
        why = "torch.tensor wants numbers in its lists, not tensors of several elements; stack joins tensors."
        node = failure.site.node
        candidates: list[Candidate] = []
        if lists and isinstance(node, ast.Call) and node.args:
            candidates.append(as_code("torch.stack({0})", node.args[0]))
            candidates.append(as_code("torch.cat({0})", node.args[0]))
        return Finding("list", why, None, offered(failure, candidates))
    x = failure.tensors[0] if failure.tensors else None
    if x is None:
        return None
    why = f"{x.text} has {count(x.value.numel(), 'element')}, and only a tensor of one element is a Python number."
    listed = Remedy(changed_code("{}.tolist()", x), "a list of numbers", True)
    reduced = changed_code("{}.mean().item()" if x.dtype.is_floating_point else "{}.sum().item()", x)
    remedies: tuple[Remedy, ...] = ()
    remedies = (listed, Remedy(reduced, "one number for all of them", True)) if x.node is not None else ()
    if x.value.numel() == 0:
        remedies = remedies[:1]
    return Finding("item", why, None, remedies)


def as_index(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A tensor where Python wants one whole number."""
    x = next((each for each in failure.tensors if each.value.numel() != 1 or each.dtype.is_floating_point), None)
    if x is None or x.node is None:
        return None
    if x.value.numel() == 1:
        why = f"Python wants a whole number here, and {x.text} is {str(x.dtype).removeprefix('torch.')}."
        found = with_args(failure, {x: "int({})"})
        code = "" if found.node is None else code_of(found.node)
        return Finding("type", why, None, (Remedy(code, "", True),) if code else ())
    why = f"A list is indexed by one whole number, and {x.text} has {count(x.value.numel(), 'element')}."
    node = failure.site.node
    remedies: tuple[Remedy, ...] = ()
    if isinstance(node, ast.Subscript) and x.node is node.slice and len(x.shape) == 1:
        remedies = (
            Remedy(f"[{ast.unparse(node.value)}[i] for i in {ast.unparse(x.node)}]", "one after the other", True),
        )
    return Finding("index", why, None, remedies)


def truth(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A condition on many values."""
    node = failure.site.node
    values = failure.tensors
    name = failure.site.text or "the tensor"
    if isinstance(node, ast.UnaryOp) or failure.name == "bool" or failure.name == "truth":
        subject = next((each for each in values if each.node is not None), None)
    else:
        subject = Arg(name, MISSING, node) if isinstance(node, ast.expr) else None
    why = (
        "A condition wants one True or False, and this tensor holds many: say whether all or any of them must be true."
    )
    if subject is None or subject.node is None:
        return Finding("truth", why)
    if failure.name == "compare" and failure.operation == "in":
        return Finding("truth", why)
    whole = getattr(node, "parent", None)
    if isinstance(whole, ast.BoolOp) and all(isinstance(each, ast.Compare) for each in whole.values):
        sign = " & " if isinstance(whole.op, ast.And) else " | "
        code = f"({sign.join(f'({ast.unparse(each)})' for each in whole.values)}).all()"
        return Finding("truth", why, None, (Remedy(code, "in the place of the whole condition", True),))
    is_boolean = isinstance(node, ast.Compare) or (values and values[0].value.dtype == torch.bool)
    each = "{}" if is_boolean else "({} != 0)"
    remedies = tuple(
        Remedy(changed_code(f"{each}.{word}()", subject), f"True where {words} true", True)
        for word, words in (("all", "all are"), ("any", "at least one is"))
    )
    return Finding("truth", why, None, remedies)


def zero_dim(failure: Failure, match: re.Match[str]) -> Finding | None:
    """len() of, or a loop over, a single number."""
    x = failure.tensors[0] if failure.tensors else None
    name = x.text if x is not None else "The tensor"
    what = "length" if "len" in match[0] else "items to go through"
    why = f"{name} is a single number (0-dim): it has no {what}."
    remedies: tuple[Remedy, ...] = ()
    if x is not None and x.node is not None:
        code = changed_code("{}.numel()" if "len" in match[0] else "{}.unsqueeze(0)", x)
        remedies = (
            Remedy(code, "the number of elements, 1" if "len" in match[0] else "a vector of one element", True),
        )
    return Finding("zero-dim", why, None, remedies)


RULES = [
    (r"expected sequence of length (?P<wanted>\d+) at dim (?P<dim>\d+) \(got (?P<got>\d+)\)", ragged),
    (r"only integer tensors of a single element|'Tensor' object cannot be interpreted as an integer", as_index),
    (
        r"only one element tensors can be converted|cannot be converted to Scalar",
        one_element,
    ),
    (r"Boolean value of Tensor with (?:more than one|no) value|truth value of", truth),
    (r"len\(\) of a 0-d tensor|iteration over a 0-d tensor", zero_dim),
]
