"""Rules for indices: out of range, too many, of the wrong kind; masks, gather and scatter; wrong dims."""

from __future__ import annotations

import ast
import re
from typing import Any

import torch

from torchmagic.observe.errors.failure import Arg, Failure
from torchmagic.observe.errors.remedies import Candidate, as_code, offered, with_args
from torchmagic.observe.errors.words import Finding, count, shape_text
from torchmagic.records import Clash, Remedy


def out_of_bounds(failure: Failure, match: re.Match[str]) -> Finding | None:
    """An index that is not there."""
    base = indexed(failure)
    if base is None:
        return None
    index, dim, size = int(match["index"]), int(match["dim"]), int(match["size"])
    what = f"dimension {dim} of {base.text}" if len(base.shape) > 1 else base.text
    valid = f"0 to {size - 1}, or -1 to -{size} from the end" if size else "none: it is empty"
    why = f"Counting starts at 0: {what} has size {size}, so its valid indices are {valid}; the index was {index}."
    sizes = tuple(map(str, base.shape))
    where = tuple(str(index) if i == dim else "" for i in range(len(sizes)))
    clash = Clash(((base.text, sizes), ("index", where)), (dim,)) if dim < len(sizes) and len(sizes) else None
    node = failure.site.node
    candidates: list[Candidate] = []
    if (
        index == size
        and _written_out(node)
        and isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Load)
        and size
    ):
        candidates.append(_last(node, dim))
    return Finding("index", why, clash, offered(failure, candidates, most=1))


def _written_out(node: ast.AST | None) -> bool:
    """Whether every index is a number in the source: of a loop's variable the last element would be a wrong guess."""
    if not isinstance(node, ast.Subscript):
        return False
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    return all(isinstance(part, (ast.Constant, ast.Slice)) for part in parts)


def _last(node: ast.Subscript, dim: int) -> Candidate:
    last = ast.UnaryOp(op=ast.USub(), operand=ast.Constant(1))
    if isinstance(node.slice, ast.Tuple):
        parts = list(node.slice.elts)
        if dim >= len(parts) or any(isinstance(p, ast.Constant) and p.value in (None, ...) for p in parts):
            return Candidate(None)
        parts[dim] = last
        return Candidate(ast.Subscript(node.value, ast.Tuple(parts, ast.Load()), ast.Load()), "the last one")
    if dim:
        return Candidate(None)
    return Candidate(ast.Subscript(node.value, last, ast.Load()), "the last one")


def indexed(failure: Failure) -> Arg | None:
    if failure.name == "setitem" and isinstance(failure.site.node, ast.Assign):
        target = failure.site.node.targets[0]
        if isinstance(target, ast.Subscript):
            return next((each for each in failure.args if each.node is target.value), None)
    if failure.name.startswith("i") and isinstance(failure.site.node, ast.AugAssign):
        target = failure.site.node.target
        if isinstance(target, ast.Subscript):
            from torchmagic.observe.errors.failure import value_of
            from torchmagic.observe.errors.site import node_text

            value = value_of(target.value, failure.world)
            return Arg(node_text(target.value), value, target.value) if isinstance(value, torch.Tensor) else None
    return failure.tensors[0] if failure.tensors else None


def too_many(failure: Failure, match: re.Match[str]) -> Finding | None:
    """More indices than dimensions."""
    base = indexed(failure)
    if base is None:
        return None
    node = failure.site.node
    index = node.slice if isinstance(node, ast.Subscript) else None
    given = len(index.elts) if isinstance(index, ast.Tuple) else 1
    why = (
        f"{base.text} has {count(len(base.shape), 'dimension')}, shape "
        f"{shape_text(base.shape)}, and {given} indices were given."
    )
    candidates: list[Candidate] = []
    if isinstance(index, ast.Tuple) and isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        kept = index.elts[: len(base.shape)]
        part = kept[0] if len(kept) == 1 else ast.Tuple(list(kept), ast.Load())
        candidates.append(Candidate(ast.Subscript(node.value, part, ast.Load())))
    return Finding("index", why, None, offered(failure, candidates, most=1))


def zero_dim(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Indexing a single number."""
    base = indexed(failure)
    if base is None:
        return None
    why = f"{base.text} is a single number (0-dim): it has no dimension to index."
    candidates = [as_code("{0}.item()", base.node, text="the Python number", trusted=True)]
    return Finding("index", why, None, _sure(failure, base, candidates))


def _sure(failure: Failure, base: Arg, candidates: list[Candidate]) -> Any:

    found = offered(failure, candidates, most=1)
    real = base.is_tensor and base.value.numel() == 1 and failure.device(base) != "meta"
    return tuple(Remedy(each.code, each.text, each.checked or real) for each in found)


def wrong_dim(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A dim that the tensor does not have."""
    if not failure.tensors:
        return None
    x = failure.tensors[0]
    got = int(match["got"])
    dims = len(x.shape)
    if failure.name in ("unsqueeze", "unsqueeze_", "stack"):
        dims += 1
    if not x.shape and failure.name not in ("unsqueeze", "stack"):
        why = f"{x.text} is a single number (0-dim): it has no dim {got}."
    else:
        range_text = f"0 to {dims - 1}, or -1 to -{dims} from the end" if dims > 1 else "0 (or -1)"
        why = f"{x.text} has {count(len(x.shape), 'dimension')}, so dim can be {range_text}; it was {got}."
    candidates = _other_dims(failure, got, dims)
    if failure.name in ("transpose", "swapaxes", "swapdims") and dims == 1:
        candidates = [as_code("{0}.unsqueeze(1)", x.node, text="a column"), *candidates]
    elif len(x.shape) == 1:
        candidates = [*candidates, with_args(failure, {x: "{}.unsqueeze(0)"})]
    return Finding("dim", why, None, offered(failure, candidates, most=1))


def _other_dims(failure: Failure, got: int, dims: int) -> list[Candidate]:
    """The call with the last dimension instead of one that is not there."""
    place = next((each for each in failure.args if type(each.value) is int and each.value == got), None)
    if place is None or place.node is None or dims < 1:
        return []
    if failure.name in ("squeeze", "squeeze_"):
        shape = failure.tensors[0].shape
        return [with_args(failure, {place: str(shape.index(1))})] if 1 in shape else []
    return [with_args(failure, {place: str(dims - 1 if got > 0 else 0)})]


def kind_of_index(failure: Failure, match: re.Match[str]) -> Finding | None:
    """An index that is no integer, slice or tensor."""
    base = indexed(failure)
    if base is None or failure.name not in ("getitem", "setitem"):
        return None
    got = match.groupdict().get("got")
    what = f"a {got}" if got else "a string" if "str" in match[0] else "that"
    why = f"A tensor is indexed by integers, slices, None, ... or tensors of integers or booleans, not by {what}."
    candidates = []
    if got == "float":
        node = failure.site.node
        if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Tuple):
            candidates.append(as_code("{0}[int({1})]", base.node, node.slice, trusted=True))
    return Finding("index", why, None, offered(failure, candidates))


def negative_step(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Slices of tensors do not run backwards."""
    base = indexed(failure)
    if base is None or failure.name != "getitem":
        return None
    node = failure.site.node
    assert isinstance(node, ast.Subscript)
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    dims = [i for i, part in enumerate(parts) if isinstance(part, ast.Slice) and part.step is not None]
    why = "Slices of a tensor cannot have a negative step; flip reverses a dimension."
    full = all(isinstance(p, ast.Slice) and p.lower is None and p.upper is None for p in parts)
    code = f"{{0}}.flip({', '.join(map(str, dims))})"
    return Finding("index", why, None, offered(failure, [as_code(code, base.node)] if full else []))


def unpacking(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A tensor unpacked into too many or too few names."""
    if failure.name not in ("unpack", "value") or not failure.tensors:
        return None
    x = failure.tensors[0]
    why = (
        f"Unpacking takes a tensor apart along its first dimension, which has "
        f"size {x.shape[0] if x.shape else 0} in {x.text}."
    )
    wanted = int(match["wanted"] or match[2])
    candidates = []
    node = failure.site.node
    if len(x.shape) > 1 and x.shape[1] == wanted and isinstance(node, ast.Assign):
        candidates.append(with_args(failure, {x: "{}.unbind(1)"}, trusted=True))
    remedies = tuple(Remedy(each.code, "its columns", True) for each in offered(failure, candidates))
    return Finding("index", why, None, remedies)


def top_k(failure: Failure, match: re.Match[str]) -> Finding | None:
    """More of the largest than there are elements; a window longer than what it slides over."""
    x = failure.tensors[0] if failure.tensors else None
    if x is None:
        return None
    numbers = [each for each in failure.args if type(each.value) is int]
    dims = x.shape if failure.name != "unfold" or not numbers else (x.shape[numbers[0].value],)
    size = dims[-1] if dims else 1
    wrong = next((each for each in numbers if each.value > size), None)
    asked = f"; {wrong.value} was asked for" if wrong is not None else ""
    candidates = [with_args(failure, {wrong: str(size)})] if wrong is not None and wrong.node is not None else []
    why = f"{x.text} has {count(size, 'element')} in that dimension{asked}."
    return Finding("index", why, None, offered(failure, candidates))


RULES = [
    (r"selected (?:index k|number k) out of range|k not in range|maximum size for tensor at dimension", top_k),
    (r"index (?P<index>-?\d+) is out of bounds for dimension (?P<dim>\d+) with size (?P<size>\d+)", out_of_bounds),
    (r"too many indices for tensor of dimension", too_many),
    (r"invalid index of a 0-dim tensor|slice\(\) cannot be applied to a 0-dim", zero_dim),
    (r"Dimension out of range \(expected to be in range of \[-?\d+, -?\d+\], but got (?P<got>-?\d+)\)", wrong_dim),
    (r"[Dd]imension specified as (?P<got>-?\d+) but tensor has no dimensions", wrong_dim),
    (r"valid indices \(got (?P<got>\w+)\)|invalid data type 'str'|invalid indices", kind_of_index),
    (r"step must be greater than zero", negative_step),
    (
        (
            r"not enough values to unpack \(expected (?:at least )?(?P<wanted>\d+)|"
            r"too many values to unpack \(expected (\d+)"
        ),
        unpacking,
    ),
]
