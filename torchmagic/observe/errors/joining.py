"""Rules for joining tensors: cat, stack, and the batches of a DataLoader."""

from __future__ import annotations

import ast
import re

from torchmagic.observe.errors.failure import MISSING, Arg, Failure
from torchmagic.observe.errors.remedies import Candidate, as_code, offered, with_args, with_method
from torchmagic.observe.errors.words import Finding, shape_text
from torchmagic.records import Clash


def cat_sizes(failure: Failure, match: re.Match[str]) -> Finding | None:
    """cat: sizes that differ outside the dimension along which the tensors are joined."""
    tensors = failure.tensors
    if len(tensors) < 2:
        return None
    first = tensors[0]
    other = next((each for each in tensors if len(each.shape) != len(first.shape)), None)
    if other is not None:
        return _cat_dims(failure, first, other)
    dim = _dim(failure)
    other = next((each for each in tensors[1:] if _outside(each.shape, dim) != _outside(first.shape, dim)), tensors[1])
    if failure.name in ("vstack", "row_stack") and len(first.shape) == 1:
        why = (
            f"vstack makes a row of each, and rows have one length: {first.text} has "
            f"{first.shape[0]} elements, {other.text} {other.shape[0]}."
        )
        rows = tuple((each.text, tuple(map(str, each.shape))) for each in tensors[:6])
        return Finding(
            "cat", why, Clash(rows, (0,)), offered(failure, [with_method(failure, "hstack", "one after the other")])
        )
    dim = dim % max(len(first.shape), 1)
    why = (
        f"{failure.name} along dim {dim} needs equal sizes in every other dimension: {first.text} has "
        f"shape {shape_text(first.shape)}, {other.text} {shape_text(other.shape)}."
    )
    pairs = zip(first.shape, other.shape, strict=True)
    bad = tuple(i for i, (one, two) in enumerate(pairs) if one != two and i != dim)
    rows = tuple((each.text, tuple(map(str, each.shape))) for each in tensors[:6])
    labels = tuple("joined" if i == dim else "must match" if i in bad else "" for i in range(len(first.shape)))
    candidates = _other_cat_dims(failure, dim, len(first.shape))
    if len(first.shape) == 2:
        candidates.append(with_args(failure, {other: "{}.T"}))
    return Finding("cat", why, Clash(rows, bad, labels), offered(failure, candidates))


def _outside(shape: tuple[int, ...], dim: int) -> tuple[int, ...]:
    place = dim % max(len(shape), 1)
    return shape[:place] + shape[place + 1 :]


def _dim(failure: Failure) -> int:
    found = [each.value for each in failure.args if type(each.value) is int]
    return {"hstack": 1, "vstack": 0, "dstack": 2}.get(failure.name, found[0] if found else 0)


def _other_cat_dims(failure: Failure, dim: int, dims: int) -> list[Candidate]:
    node = failure.site.node
    given = next((each for each in failure.args if type(each.value) is int and each.node is not None), None)
    found: list[Candidate] = []
    for other in range(dims):
        if other == dim:
            continue
        if given is not None:
            found.append(with_args(failure, {given: str(other)}))
        elif isinstance(node, ast.Call) and failure.name in ("cat", "concat", "concatenate"):
            keyword = ast.keyword(arg="dim", value=ast.Constant(other))
            found.append(Candidate(ast.Call(func=node.func, args=node.args, keywords=[*node.keywords, keyword])))
        elif isinstance(node, ast.Call) and failure.name in ("hstack", "vstack"):
            twin = "vstack" if failure.name == "hstack" else "hstack"
            found.append(with_method(failure, twin))
    return found


def _cat_dims(failure: Failure, first: Arg, other: Arg) -> Finding:
    small, large = (other, first) if len(other.shape) < len(first.shape) else (first, other)
    why = (
        f"{failure.name} joins tensors with the same number of dimensions: {first.text} "
        f"has {len(first.shape)}, {other.text} has {len(other.shape)}."
    )
    candidates = [with_args(failure, {small: f"{{}}.unsqueeze({i})"}) for i in range(len(large.shape))]
    if small.shape == large.shape[1:]:
        candidates = candidates[:1]
    rows = tuple(
        (each.text, (*("" for _ in range(len(large.shape) - len(each.shape))), *map(str, each.shape)))
        for each in failure.tensors[:6]
    )
    return Finding("cat", why, Clash(rows), offered(failure, candidates))


def empty_list(failure: Failure, match: re.Match[str]) -> Finding | None:
    """cat or stack of nothing."""
    given = failure.args[0] if failure.args else None
    name = given.text if given is not None else "The list"
    return Finding(
        failure.name if failure.name in ("cat", "stack") else "cat",
        f"{name} is an empty list: there is nothing to join. Was the loop that fills it run?",
    )


def scalars(failure: Failure, match: re.Match[str]) -> Finding | None:
    """cat of single numbers."""
    why = (
        "cat joins along a dimension that the tensors have, and single numbers (0-dim) have none; stack gives them one."
    )
    return Finding("cat", why, None, offered(failure, [with_method(failure, "stack")]))


def stack_sizes(failure: Failure, match: re.Match[str]) -> Finding | None:
    """stack of tensors with different shapes."""
    tensors = failure.tensors
    first = tensors[0] if tensors else None
    other = next((each for each in tensors if first is not None and each.shape != first.shape), None)
    if first is None or other is None or failure.name not in ("stack", "tensor_split", "hstack", "vstack"):
        return _collated(failure, match)
    why = (
        f"stack makes a new dimension out of tensors of one shape: {first.text} has "
        f"{shape_text(first.shape)}, {other.text} {shape_text(other.shape)}."
    )
    width = max(len(first.shape), len(other.shape))
    rows = tuple(
        (each.text, (*("" for _ in range(width - len(each.shape))), *map(str, each.shape))) for each in tensors[:6]
    )
    bad = tuple(i for i in range(width) if len({row[1][i] for row in rows}) > 1)
    candidates = [with_method(failure, "cat", "joins them along dim 0 instead")]
    if len(first.shape) == len(other.shape) == 2:
        candidates.append(with_args(failure, {other: "{}.T"}))
    return Finding("stack", why, Clash(rows, bad), offered(failure, candidates))


def _collated(failure: Failure, match: re.Match[str]) -> Finding | None:
    names = [frame.f_code.co_name for frame in failure.site.inner]
    one, other = [*re.findall(r"\[([^\]]*)\] at entry", failure.message), "", ""][:2]
    if not any("collate" in name for name in (*names, failure.message)):
        return Finding(
            "stack", f"stack makes a new dimension out of tensors of one shape: one has ({one}), another ({other})."
        )
    why = (
        f"The loader stacks the samples of a batch into one tensor, so each sample must have the same shape: one is "
        f"({one}), another ({other}). Pad or crop them, or give the DataLoader a collate_fn."
    )
    return Finding("collate", why)


def collate_type(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A sample of a kind that the default collate does not know."""
    return Finding(
        "collate",
        (
            "The loader can join tensors, arrays, numbers, strings, and lists or dicts "
            "of them; a sample of the dataset holds something else."
        ),
    )


def not_tensors(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Something in a list of tensors is none."""
    position, got = int(match["position"]), match["got"]
    why = f"Every item must be a tensor: item {position} is of type {got}."
    listed = next(
        (each for each in failure.args if not each.is_tensor and each.node is not None and each.value is not MISSING),
        None,
    )
    candidates: list[Candidate] = []
    numbers = failure.args and all(type(each.value) in (int, float, list) for each in failure.args)
    if listed is not None and type(listed.value) in (list, tuple):
        if all(type(item) in (int, float, bool) for item in listed.value):
            candidates.append(as_code("torch.tensor({0})", listed.node))
    elif listed is not None and numbers is False and type(listed.value) in (int, float):
        shape = "[{}]" if failure.name in ("cat", "concat", "hstack") else "{}"
        candidates.append(with_args(failure, {listed: f"torch.tensor({shape})"}))
    return Finding(
        failure.name if failure.name in ("cat", "stack") else "type", why, None, offered(failure, candidates)
    )


RULES = [
    (
        r"Sizes of tensors must match except in dimension|must have same number of dimensions|torch\.cat\(\): .*sizes",
        cat_sizes,
    ),
    (r"non-empty (?:list of Tensors|TensorList)|expects a non-empty", empty_list),
    (r"zero-dimensional tensor .*cannot be concatenated", scalars),
    (r"stack expects each tensor to be equal size", stack_sizes),
    (r"default_collate: batch must contain|each element in list of batch should be of equal size", collate_type),
    (r"expected Tensor as element (?P<position>\d+) in argument \d+, but got (?P<got>[\w.]+)", not_tensors),
]
