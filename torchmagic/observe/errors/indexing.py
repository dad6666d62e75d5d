"""Rules for indices: out of range, too many, of the wrong kind; masks, gather and scatter; wrong dims."""

from __future__ import annotations

import ast
import re
from typing import Any

import torch
from torch import nn

from torchmagic.observe.errors.failure import Arg, Failure
from torchmagic.observe.errors.products import layer_remedy
from torchmagic.observe.errors.remedies import Candidate, as_code, code_of, offered, with_args, with_keyword
from torchmagic.observe.errors.words import Finding, aligned, count, shape_text
from torchmagic.observe.values import number_text
from torchmagic.records import Clash, Remedy

_MOST_READ = 1_000_000


def out_of_bounds(failure: Failure, match: re.Match[str]) -> Finding | None:
    """An index that is not there."""
    base = _indexed(failure)
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


def _indexed(failure: Failure) -> Arg | None:
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
    base = _indexed(failure)
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
    base = _indexed(failure)
    if base is None:
        return None
    why = f"{base.text} is a single number (0-dim): it has no dimension to index."
    candidates = [as_code("{0}.item()", base.node, text="the Python number", trusted=True)]
    return Finding("index", why, None, _sure(failure, base, candidates))


def _sure(failure: Failure, base: Arg, candidates: list[Candidate]) -> Any:

    found = offered(failure, candidates, most=1)
    real = base.is_tensor and base.value.numel() == 1 and failure.device(base) != "meta"
    return tuple(Remedy(each.code, each.text, each.checked or real) for each in found)


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
    return [with_args(failure, {place: str(dims - 1 if got > 0 else 0)})]


def mask(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A mask with a shape of its own."""
    base = _indexed(failure)
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


def kind_of_index(failure: Failure, match: re.Match[str]) -> Finding | None:
    """An index that is no integer, slice or tensor."""
    base = _indexed(failure)
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
    base = _indexed(failure)
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
    (
        (
            r"[Ii]ndex out of range in self|out of range: tried to access index|"
            r"INDICES element is out of|index out of range"
        ),
        tensor_out_of_range,
    ),
    (r"Class values must be", one_hot),
    (r"Target (?P<index>-?\d+) is out of bounds", target_range),
    (r"Dimension out of range \(expected to be in range of \[-?\d+, -?\d+\], but got (?P<got>-?\d+)\)", wrong_dim),
    (r"[Dd]imension specified as (?P<got>-?\d+) but tensor has no dimensions", wrong_dim),
    (r"The shape of the mask|mask .*must match|BoolTensor.*size", mask),
    (
        (
            r"Index tensor must have the same number of dimensions|to be (?:smaller|no "
            r"larger) (?:than|size)|Size does not match at dimension"
        ),
        index_dims,
    ),
    (r"indexing tensors could not be broadcast", pair_indices),
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
