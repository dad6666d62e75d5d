"""Rules for tensors of indices: embedding, gather, one_hot, classes, masks."""

from __future__ import annotations

import ast
import re
from typing import Any

import torch
from torch import nn

from torchmagic.observe.errors.failure import Arg, Failure
from torchmagic.observe.errors.indexing import indexed
from torchmagic.observe.errors.products import layer_remedy
from torchmagic.observe.errors.remedies import Candidate, as_code, code_of, offered, with_args, with_keyword
from torchmagic.observe.errors.words import Finding, aligned, count, shape_text
from torchmagic.observe.values import number_text
from torchmagic.records import Clash, Remedy

_MOST_READ = 1_000_000


def tensor_out_of_range(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A tensor of indices that points outside: embedding, take, index_select, cross_entropy."""
    module: Any = failure.callee
    if isinstance(module, (nn.Embedding, nn.EmbeddingBag)) or failure.name in ("embedding", "embedding_bag"):
        ids = next((each for each in failure.tensors if not each.dtype.is_floating_point), None)
        is_layer = isinstance(module, (nn.Embedding, nn.EmbeddingBag))
        size = module.weight.shape[0] if is_layer else _rows(failure)
        name = failure.layer.path if failure.layer is not None and failure.layer.path else "the table"
        low, high = _range(ids)
        got = "" if high is None else f"; {ids.text if ids else 'the input'} goes from {low} to {high}"
        why = f"{name} has {size} rows, so indices go from 0 to {size - 1}{got}."
        remedies: tuple[Remedy, ...] = ()
        if isinstance(low, int) and isinstance(high, int) and low >= 0 and isinstance(module, nn.Embedding):
            remedies = (layer_remedy(failure, nn.Embedding, f"{high + 1}, {module.weight.shape[1]}"),)
        return Finding("index", why, None, remedies)
    if not failure.tensors:
        return None
    base = failure.tensors[0]
    index = next((each for each in failure.tensors[1:] if not each.dtype.is_floating_point), None)
    low, high = _range(index)
    dims = [each.value for each in failure.args if type(each.value) is int]
    if failure.name == "take" or not base.shape:
        size, what = base.value.numel(), f"{base.text} has {base.value.numel()} elements"
    else:
        dim = dims[0] if dims and -len(base.shape) <= dims[0] < len(base.shape) else 0
        size, what = base.shape[dim], f"dimension {dim} of {base.text} has size {base.shape[dim]}"
    got = "" if high is None or index is None else f"; {index.text} goes from {low} to {high}"
    return Finding("index", f"{what}, so indices go from 0 to {size - 1}{got}.")


def _rows(failure: Failure) -> int:
    table = next((each for each in failure.tensors if each.dtype.is_floating_point), None)
    return table.shape[0] if table is not None and table.shape else 0


def _range(arg: Arg | None) -> tuple[str | int | None, str | int | None]:
    """The least and the greatest of a tensor of indices, where they can be read."""
    if arg is None or not arg.is_tensor or arg.value.device.type == "meta":
        return None, None
    with torch.no_grad(), torch._C.DisableTorchFunctionSubclass():
        if not 0 < arg.value.numel() <= _MOST_READ:
            return None, None
        low, high = torch.aminmax(arg.value.detach())
        numbers = torch.stack([low, high]).tolist()
    return numbers[0] if isinstance(numbers[0], int) else number_text(numbers[0]), (
        numbers[1] if isinstance(numbers[1], int) else number_text(numbers[1])
    )


def one_hot(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Class numbers that num_classes does not cover."""
    labels = failure.tensors[0] if failure.tensors else None
    low, high = _range(labels)
    if labels is None or high is None:
        return None
    if isinstance(low, int) and low < 0:
        return Finding("index", f"Class numbers start at 0; {labels.text} goes down to {low}.")
    why = (
        f"{labels.text} goes up to {high}, and classes are counted from 0: "
        f"num_classes must be at least {int(high) + 1}."
    )
    node = with_keyword(failure, "num_classes", str(int(high) + 1)).node
    if isinstance(node, ast.Call) and len(node.args) > 1:
        node.args = node.args[:1]

    code = code_of(node) if isinstance(node, ast.Call) else ""
    return Finding("index", why, None, (Remedy(code, f"{int(high) + 1} classes", True),) if code else ())


def target_range(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A class number that the scores do not have."""
    if not failure.tensors:
        return None
    scores = failure.tensors[0]
    classes = scores.shape[1] if len(scores.shape) > 1 else scores.shape[0] if scores.shape else 0
    target = failure.tensors[1] if len(failure.tensors) > 1 else None
    name = target.text if target is not None else "the target"
    low, high = _range(target)
    got = match["index"] or high
    why = (
        f"{scores.text} has scores for {count(classes, 'class').replace('classs', 'classes')}, "
        f"0 to {classes - 1}, and {name} holds {got}."
    )
    candidates: list[Candidate] = []

    remedies: tuple[Remedy, ...] = ()
    if target is not None and target.node is not None and low == 1 and high == classes:
        found = with_args(failure, {target: "{} - 1"})
        if found.node is not None:
            code = code_of(found.node)
            remedies = (Remedy(code, "classes counted from 0", True),)
    return Finding("index", why, None, remedies or offered(failure, candidates))


def mask(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A mask with a shape of its own."""
    base = indexed(failure)
    masks = [each for each in failure.tensors if each.dtype in (torch.bool, torch.uint8) and each is not base]
    if base is None or not masks:
        return None
    m = masks[0]
    why = (
        f"A mask is laid over the first dimensions: {m.text} of shape {shape_text(m.shape)} must have the sizes that "
        f"{base.text} of shape {shape_text(base.shape)} begins with."
    )
    width = max(len(base.shape), len(m.shape))
    rows = tuple(
        (each.text, (*map(str, each.shape), *("" for _ in range(width - len(each.shape))))) for each in (base, m)
    )
    pairs = zip(base.shape, m.shape, strict=False)
    bad = tuple(i for i, (one, other) in enumerate(pairs) if one != other) + tuple(range(len(base.shape), len(m.shape)))
    node = failure.site.node
    target = node.targets[0] if isinstance(node, ast.Assign) else node
    candidates: list[Candidate] = []
    if isinstance(target, ast.Subscript) and m.node is target.slice:
        for skip in range(1, len(base.shape) - len(m.shape) + 1):
            if base.shape[skip : skip + len(m.shape)] == m.shape:
                template = f"{{0}}[{':, ' * skip}{{1}}]"
                code = template if isinstance(target.ctx, ast.Load) else f"{template} = {{2}}"
                value = node.value if isinstance(node, ast.Assign) else None
                nodes = [base.node, m.node] + ([value] if value is not None else [])
                candidates.append(as_code(code, *nodes, text="masks the columns" if skip == 1 else "", trusted=True))
        for place, size in enumerate(m.shape):
            if size == 1 and m.shape[:place] + m.shape[place + 1 :] == base.shape[: len(m.shape) - 1]:
                candidates.append(with_args(failure, {m: f"{{}}.squeeze({place})"}, trusted=True))
        if m.shape[::-1] == base.shape[: len(m.shape)] and len(m.shape) == 2:
            candidates.append(with_args(failure, {m: "{}.T"}, trusted=True))

    found = offered(failure, candidates, most=1)
    return Finding("mask", why, Clash(rows, bad), tuple(Remedy(r.code, r.text, True) for r in found))


def index_dims(failure: Failure, match: re.Match[str]) -> Finding | None:
    """gather and scatter: an index with fewer dimensions than the tensor, or larger than it."""
    base = failure.tensors[0] if failure.tensors else None
    index = next((each for each in failure.tensors[1:] if not each.dtype.is_floating_point), None)
    if base is None or index is None:
        return None
    source = re.search(r"than src \[([^\]]*)\]", failure.message)
    src = failure.tensors[2] if len(failure.tensors) > 2 else None
    if source is not None and src is not None and any(a > b for a, b in zip(index.shape, src.shape, strict=False)):
        why = (
            f"There must be a value in {src.text} for every index: {index.text} has shape "
            f"{shape_text(index.shape)}, {src.text} {shape_text(src.shape)}."
        )
        bad = [-i for i in range(1, len(index.shape) + 1) if i <= len(src.shape) and index.shape[-i] > src.shape[-i]]
        return Finding("gather", why, aligned([(index.text, index.shape), (src.text, src.shape)], bad))
    if len(base.shape) != len(index.shape):
        why = (
            f"{failure.name} wants an index with as many dimensions as {base.text} "
            f"({len(base.shape)}); {index.text} has "
            f"{len(index.shape)}."
        )
        candidates = [with_args(failure, {index: f"{{}}.unsqueeze({i})"}) for i in (len(index.shape), 0)]
        dims = [each.value for each in failure.args if type(each.value) is int]
        if dims:
            candidates.insert(0, with_args(failure, {index: f"{{}}.unsqueeze({dims[0]})"}))
    else:
        why = (
            f"The index may not be larger than {base.text} in the other dimensions: "
            f"{shape_text(index.shape)} against {shape_text(base.shape)}."
        )
        candidates = [with_args(failure, {index: "{}.T"})] if len(index.shape) == 2 else []
    return Finding(
        "gather", why, aligned([(base.text, base.shape), (index.text, index.shape)]), offered(failure, candidates)
    )


def pair_indices(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Tensors of indices that do not pair up."""
    indices = [each for each in failure.tensors if each.role == "index"]
    if len(indices) < 2:
        return None
    a, b = indices[0], indices[1]
    why = (
        f"Tensors of indices are paired element by element, so they must broadcast: {a.text} "
        f"has shape {shape_text(a.shape)}, {b.text} {shape_text(b.shape)}."
    )
    grid = with_args(failure, {a: "{}.unsqueeze(1)"}, text="every row with every column")
    clash = aligned([(a.text, a.shape), (b.text, b.shape)], [-1])
    return Finding("index", why, clash, offered(failure, [grid], most=1))


RULES = [
    (
        (
            r"[Ii]ndex out of range in self|out of range: tried to access index|"
            r"INDICES element is out of|index out of range"
        ),
        tensor_out_of_range,
    ),
    (r"Class values must be", one_hot),
    (r"Target (?P<index>-?\d+) is out of bounds", target_range),
    (r"The shape of the mask|mask .*must match|BoolTensor.*size", mask),
    (
        (
            r"Index tensor must have the same number of dimensions|to be (?:smaller|no "
            r"larger) (?:than|size)|Size does not match at dimension"
        ),
        index_dims,
    ),
    (r"indexing tensors could not be broadcast", pair_indices),
]
