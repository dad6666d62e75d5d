"""Rules for changing shapes: view, reshape, cat, stack, permute, split; and for tensors made of lists."""

from __future__ import annotations

import ast
import math
import re

import torch

from torchmagic.observe.errors.failure import MISSING, Arg, Failure
from torchmagic.observe.errors.remedies import Candidate, as_code, code_of, fill, offered, with_args, with_method
from torchmagic.observe.errors.words import Finding, count, shape_text
from torchmagic.records import Clash, Remedy


def numel(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A shape with more or fewer elements than there are."""
    x = failure.tensors[0] if failure.tensors else None
    wanted = [int(each) for each in re.findall(r"-?\d+", match["shape"])]
    have = int(match["size"])
    name = x.text if x is not None else "the tensor"
    known = math.prod(each for each in wanted if each >= 0)
    if -1 in wanted:
        why = (
            f"{name} has {have} elements, which {known} (the product of the other sizes) "
            f"does not divide, so no size fits in the place of -1."
        )
    else:
        product = " × ".join(map(str, wanted))
        why = (
            f"{name} has {have} elements, and shape ({', '.join(map(str, wanted))}{',' if len(wanted) == 1 else ''}) "
            f"would need {product} = {known}."
        )
    if x is None:
        return Finding("view", why)
    sizes = [each for each in failure.args if type(each.value) is int and each.node is not None]
    candidates: list[Candidate] = []
    if len(sizes) == len(wanted):
        for order in (0, len(wanted) - 1):
            if len(wanted) < 2:
                continue
            rest = known // wanted[order] if -1 not in wanted and wanted[order] else 0
            if rest and have % rest == 0 and have:
                candidates.append(with_args(failure, {sizes[order]: "-1"}))
    if len(x.shape) > 1:
        candidates.append(as_code("{0}.flatten(1)", x.node))
    candidates.append(as_code("{0}.flatten()", x.node))
    return Finding("view", why, None, offered(failure, candidates, most=1))


def view_of_strided(failure: Failure, match: re.Match[str]) -> Finding | None:
    """view needs elements that lie in order."""
    x = failure.tensors[0] if failure.tensors else None
    name = x.text if x is not None else "The tensor"
    why = (
        f"{name} is not contiguous: after a transpose, permute or slice its "
        f"elements no longer lie in memory in the order "
        "that view needs; reshape copies them where it must."
    )
    candidates = [with_method(failure, "reshape")]
    if x is not None:
        candidates.append(with_args(failure, {x: "{}.contiguous()"}))
    return Finding("view", why, None, offered(failure, candidates))


# -- cat and stack ---------------------------------------------------------------------------------------


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
    if not any("collate" in name for name in names):
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


# -- dimensions ------------------------------------------------------------------------------------------


def permute(failure: Failure, match: re.Match[str]) -> Finding | None:
    """permute wants every dimension once."""
    if not failure.tensors:
        return None
    x = failure.tensors[0]
    given = [each.value for each in failure.args if type(each.value) is int]
    if not given:
        given = next((list(each.value) for each in failure.args if type(each.value) in (list, tuple)), [])
    why = (
        f"permute wants each of the {len(x.shape)} dimensions of {x.text} (0 to "
        f"{len(x.shape) - 1}) exactly once; it was given {tuple(given)}."
    )
    candidates: list[Candidate] = []
    if len(given) == len(x.shape) - 1 and sorted(given) == list(range(len(given))):
        order = ", ".join(map(str, (0, *(each + 1 for each in given))))
        candidates.append(as_code(f"{{0}}.permute({order})", x.node, text="the first dimension stays"))
    missing = [i for i in range(len(x.shape)) if i not in given]
    if len(given) == len(x.shape) and len(missing) == 1:
        repeated = max(i for i, each in enumerate(given) if given.count(each) > 1)
        order = ", ".join(map(str, (missing[0] if i == repeated else each for i, each in enumerate(given))))
        candidates.append(as_code(f"{{0}}.permute({order})", x.node))
    return Finding("permute", why, None, offered(failure, candidates))


def transpose_2d(failure: Failure, match: re.Match[str]) -> Finding | None:
    """t() is for matrices."""
    if not failure.tensors:
        return None
    x = failure.tensors[0]
    why = (
        f"t() transposes a matrix, with 2 dimensions at most; {x.text} has {len(x.shape)}. mT transposes the last two."
    )
    return Finding("permute", why, None, offered(failure, [as_code("{0}.mT", x.node)]))


def split(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Parts that do not add up."""
    if not failure.tensors:
        return None
    x = failure.tensors[0]
    size, parts = int(match["size"]), [int(each) for each in re.findall(r"\d+", match["parts"])]
    why = f"The parts must add up to the size of the dimension, {size}; {' + '.join(map(str, parts))} = {sum(parts)}."
    listed = next((each for each in failure.args if type(each.value) in (list, tuple)), None)
    found = [each for each in failure.args if type(each.value) is int]
    candidates: list[Candidate] = []
    if listed is not None and listed.node is not None and size > sum(parts[:-1]):
        candidates.append(with_args(failure, {listed: str([*parts[:-1], size - sum(parts[:-1])])}))
    elif len(found) >= len(parts) and size > sum(parts[:-1]):
        last = found[len(parts) - 1]
        candidates.append(with_args(failure, {last: str(size - sum(parts[:-1]))}))
    return Finding("split", f"{why[:-1]}, for {x.text}.", None, offered(failure, candidates))


# -- numbers and lists -----------------------------------------------------------------------------------


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
    listed = Remedy(_code("{}.tolist()", x), "a list of numbers", True)
    reduced = _code("{}.mean().item()" if x.dtype.is_floating_point else "{}.sum().item()", x)
    remedies: tuple[Remedy, ...] = ()
    remedies = (listed, Remedy(reduced, "one number for all of them", True)) if x.node is not None else ()
    if x.value.numel() == 0:
        remedies = remedies[:1]
    return Finding("item", why, None, remedies)


def _code(template: str, arg: Arg) -> str:
    return "" if arg.node is None else code_of(fill(template, arg.node))


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
        Remedy(_code(f"{each}.{word}()", subject), f"True where {words} true", True)
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
        code = _code("{}.numel()" if "len" in match[0] else "{}.unsqueeze(0)", x)
        remedies = (
            Remedy(code, "the number of elements, 1" if "len" in match[0] else "a vector of one element", True),
        )
    return Finding("zero-dim", why, None, remedies)


RULES = [
    (r"shape '\[(?P<shape>[^\]]*)\]' is invalid for input of size (?P<size>\d+)", numel),
    (r"view size is not compatible with input tensor's size and stride", view_of_strided),
    (
        r"Sizes of tensors must match except in dimension|must have same number of dimensions|torch\.cat\(\): .*sizes",
        cat_sizes,
    ),
    (r"non-empty (?:list of Tensors|TensorList)|expects a non-empty", empty_list),
    (r"zero-dimensional tensor .*cannot be concatenated", scalars),
    (r"stack expects each tensor to be equal size", stack_sizes),
    (r"default_collate: batch must contain|each element in list of batch should be of equal size", collate_type),
    (r"expected Tensor as element (?P<position>\d+) in argument \d+, but got (?P<got>[\w.]+)", not_tensors),
    (r"permute\(|duplicate dims|repeated dim in permute", permute),
    (r"t\(\) expects a tensor with <= 2 dimensions", transpose_2d),
    (r"sum exactly to (?P<size>\d+).*split_sizes=\[(?P<parts>[^\]]*)\]", split),
    (r"expected sequence of length (?P<wanted>\d+) at dim (?P<dim>\d+) \(got (?P<got>\d+)\)", ragged),
    (r"only integer tensors of a single element|'Tensor' object cannot be interpreted as an integer", as_index),
    (
        r"only one element tensors can be converted|cannot be converted to Scalar",
        one_element,
    ),
    (r"Boolean value of Tensor with (?:more than one|no) value|truth value of", truth),
    (r"len\(\) of a 0-d tensor|iteration over a 0-d tensor", zero_dim),
]
