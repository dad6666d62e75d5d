"""Rules for matrix products: ``@``, mm, bmm, mv, dot, linear, addmm, einsum."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import torch
from torch import nn

from torchmagic.observe.errors.failure import MISSING, Arg, Failure
from torchmagic.observe.errors.remedies import Candidate, as_code, offered, with_args
from torchmagic.observe.errors.words import Finding, aligned, count, mismatches
from torchmagic.records import Clash, Remedy

_PRODUCTS = {
    "matmult": (0, 1),
    "imatmult": (0, 1),
    "matmul": (0, 1),
    "mm": (0, 1),
    "bmm": (0, 1),
    "mv": (0, 1),
    "dot": (0, 1),
    "vdot": (0, 1),
    "inner": (0, 1),
    "linear": (0, 1),
    "addmm": (1, 2),
    "addmv": (1, 2),
    "addbmm": (1, 2),
    "baddbmm": (1, 2),
    "multi_dot": (0, 1),
    "chain_matmul": (0, 1),
}
_DIMS = {"mm": (2, 2), "bmm": (3, 3), "mv": (2, 1), "dot": (1, 1), "addmm": (2, 2), "baddbmm": (3, 3)}


def product(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Two operands of a product whose sizes do not fit."""
    if isinstance(failure.callee, nn.Linear):
        return _linear_layer(failure, failure.callee)
    places = _PRODUCTS.get(failure.name)
    if places is None or len(failure.args) <= places[1]:
        return _unseen(match)
    a, b = (_known(failure, failure.args[place], match, side) for side, place in enumerate(places))
    if not (a.is_tensor and b.is_tensor):
        return _unseen(match)
    needed = _DIMS.get(failure.name)
    if needed and (len(a.shape), len(b.shape)) != needed:
        return _wrong_dims(failure, a, b, needed)
    if not a.shape or not b.shape:
        return _scalar(failure, a, b)
    if failure.name == "linear":
        return _functional_linear(failure, a, b)
    inner = _inner(a.shape, b.shape)
    if inner[0] != inner[1]:
        return _inner_clash(failure, a, b, inner)
    bad = mismatches(a.shape[:-2], b.shape[:-2])
    if failure.name in ("bmm", "baddbmm"):
        bad = [-1] if a.shape[0] != b.shape[0] else []
    if bad:
        rows = [(a.text, a.shape), (b.text, b.shape)]
        return Finding(
            "matmul",
            f"The matrices fit, but there are {a.shape[:-2][bad[0]]} of them in {a.text} and {b.shape[:-2][bad[0]]} in "
            f"{b.text}: the dimensions before the last two must be equal, or 1.",
            aligned(rows, [each - 2 for each in bad]),
        )
    return None


def _known(failure: Failure, arg: Arg, match: re.Match[str], side: int) -> Arg:
    """The argument; where its value is not known, with the shape that the message tells."""
    sizes = match.groupdict()
    if arg.value is not MISSING or arg.node is None or not sizes.get("a1") or sizes.get("b1") is None:
        return arg
    shape = (int(sizes["a0"]), int(sizes["a1"])) if side == 0 else (int(sizes["b0"]), int(sizes["b1"]))
    other = failure.tensors[0].dtype if failure.tensors else torch.float32
    value = failure.world.standins.of_shape(shape, other, "cpu")
    failure.world.bind(arg.node, value)
    known = Arg(arg.text, value, arg.node, arg.role)
    failure.notes[arg.text] = known
    return known


def _unseen(match: re.Match[str]) -> Finding | None:
    """Where the operands were torch's own intermediate results: what the message tells."""
    sizes = match.groupdict()
    if not sizes.get("a1"):
        return None
    left, right = (sizes["a0"], sizes["a1"]), (sizes["b0"], sizes["b1"])
    return Finding(
        "matmul",
        f"A matrix product needs as many columns in the left matrix ({left[1]}) as rows in the right one ({right[0]}).",
        Clash((("left", (*left, "")), ("right", ("", *right))), (1,), ("", "must match", "")),
    )


def _inner(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, int]:
    return a[-1], b[0] if len(b) == 1 else b[-2]


def _inner_clash(failure: Failure, a: Arg, b: Arg, inner: tuple[int, int]) -> Finding:
    left = "columns (its last size)" if len(a.shape) > 1 else "elements"
    right = "rows (its last size but one)" if len(b.shape) > 2 else "rows" if len(b.shape) == 2 else "elements"
    if len(a.shape) == len(b.shape) == 1:
        why = (
            f"A dot product needs vectors of the same length: {a.text} has {inner[0]} elements and {b.text} {inner[1]}."
        )
    else:
        why = (
            f"A matrix product needs as many {left} in {a.text} as {right} in {b.text}: here {inner[0]} and {inner[1]}."
        )
    return Finding("matmul", why, _inner_sizes(a, b), offered(failure, _product_changes(failure, a, b)))


def _inner_sizes(a: Arg, b: Arg) -> Clash:
    """The sizes of both, with the inner ones under each other."""
    left = [*map(str, a.shape)]
    right = [*map(str, b.shape)]
    tail = right[-2:] if len(right) > 1 else right
    lead = len(left) - 1
    batch = right[: len(right) - len(tail)]
    pad = max(lead, len(batch))
    extra = len(tail) - 1
    top = ["" for _ in range(pad - lead)] + left + ["" for _ in range(extra)]
    below = batch + ["" for _ in range(pad - len(batch))] + tail
    labels = [""] * pad + ["must match"] + [""] * extra
    return Clash(((a.text, tuple(top)), (b.text, tuple(below))), (pad,), tuple(labels))


def _product_changes(failure: Failure, a: Arg, b: Arg) -> Iterator[Candidate]:
    turned = [with_args(failure, {each: _turn(each)}) for each in (b, a) if len(each.shape) > 1]
    if _is_weight(a) and not _is_weight(b):
        turned.reverse()
    vectors = [each for each in (a, b) if len(each.shape) == 1]
    if vectors:  # a matrix and a vector: the matrix may stand the other way round, or on the other side
        yield from turned
        yield from _swapped(failure, a, b)
        for each in vectors:
            yield with_args(failure, {each: "{}.unsqueeze(0)" if each is b else "{}.unsqueeze(1)"})
        return
    yield from turned
    yield from _swapped(failure, a, b)


def _swapped(failure: Failure, a: Arg, b: Arg) -> Iterator[Candidate]:
    if failure.name == "matmult":
        yield as_code("{0} @ {1}", b.node, a.node)
    elif a.node is not None and b.node is not None and isinstance(failure.site.node, ast.Call):
        yield with_args(failure, {a: ast.unparse(b.node), b: ast.unparse(a.node)})


def _turn(arg: Arg) -> str:
    node = arg.node
    if isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        return ast.unparse(node.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "t" and not node.args:
        return ast.unparse(node.func.value)
    return "{}.T" if len(arg.shape) == 2 else "{}.mT"


def _is_weight(arg: Arg) -> bool:
    return isinstance(arg.value, nn.Parameter) or arg.value.requires_grad or arg.text.split(".")[-1][:1] in ("w", "W")


def _wrong_dims(failure: Failure, a: Arg, b: Arg, needed: tuple[int, int]) -> Finding:
    wrong = [(each, dims) for each, dims in ((a, needed[0]), (b, needed[1])) if len(each.shape) != dims]
    has = " and ".join(f"{each.text} has {count(len(each.shape), 'dimension')}" for each, _ in wrong)
    kinds = f"{needed[0]}-D tensors" if needed[0] == needed[1] else f"a {needed[0]}-D and a {needed[1]}-D tensor"
    why = f"{failure.operation.split('.')[-1]} multiplies {kinds}; {has}."
    squeezes = [with_args(failure, {a: _fewer(a, needed[0]), b: _fewer(b, needed[1])}, shape=None)]
    candidates = [as_code("{0} @ {1}", a.node, b.node), *squeezes]
    if failure.name in ("dot", "vdot"):
        flat = {each: "{}.flatten()" for each, _ in wrong}
        candidates = [with_args(failure, flat), as_code("{0} @ {1}", a.node, b.node)]
    return Finding("matmul", why, aligned([(a.text, a.shape), (b.text, b.shape)]), offered(failure, candidates))


def _fewer(arg: Arg, dims: int) -> str:
    if len(arg.shape) == dims - 1:
        return "{}.unsqueeze(0)"
    if len(arg.shape) == dims + 1 and 1 in arg.shape:
        return f"{{}}.squeeze({arg.shape.index(1)})"
    return "{}"


def _scalar(failure: Failure, a: Arg, b: Arg) -> Finding:
    name = a.text if not a.shape else b.text
    return Finding(
        "matmul",
        f"{name} is a single number (0-dim), and a matrix product needs a vector or a matrix on each side: "
        "use * to multiply by a number.",
        remedies=offered(failure, [as_code("{0} * {1}", a.node, b.node)]),
    )


def _functional_linear(failure: Failure, x: Arg, weight: Arg) -> Finding | None:
    got, wanted = x.shape[-1], weight.shape[-1]
    if got == wanted:
        return None
    why = (
        f"linear multiplies by the weight's transpose: {x.text} needs as many values in its last dimension ({got}) "
        f"as {weight.text} has columns ({wanted})."
    )
    candidates = [with_args(failure, {weight: "{}.T"}), *_features(failure, x, wanted)]
    clash = aligned([(x.text, x.shape), (weight.text, weight.shape)], [-1])
    return Finding("linear", why, clash, offered(failure, candidates))


def _features(failure: Failure, x: Arg, wanted: int) -> Iterator[Candidate]:
    """Ways to give a layer ``wanted`` values in the last dimension."""
    shape = x.shape
    if len(shape) > 2:
        yield with_args(failure, {x: "{}.flatten(1)"})
        yield with_args(failure, {x: "{}.flatten(-2)"})
    if len(shape) > 1 and shape[-2] == wanted:
        yield with_args(failure, {x: "{}.T" if len(shape) == 2 else "{}.mT"})
    if wanted == 1:
        yield with_args(failure, {x: "{}.unsqueeze(-1)"})
    if x.is_tensor and len(shape) > 1 and x.value.numel() == wanted:
        yield with_args(failure, {x: "{}.flatten()"})


def _linear_layer(failure: Failure, layer: nn.Linear) -> Finding | None:
    x = failure.args[0] if failure.args else None
    if x is None or not x.is_tensor:
        return None
    wanted, out = layer.weight.shape[1], layer.weight.shape[0]
    got = x.shape[-1] if x.shape else 0
    if got == wanted:
        return None
    path = failure.layer.path if failure.layer is not None and failure.layer.path else "the layer"
    why = (
        f"{path} takes in_features={wanted} values in the last dimension of its input; {x.text} has {got} there."
        if x.shape
        else (
            f"{path} takes in_features={wanted} values in the last dimension of its input; {x.text} is a single number."
        )
    )
    clash = aligned([(x.text, x.shape), (f"{path} in", (wanted,))], [-1]) if x.shape else None
    remedies = offered(failure, _features(failure, x, wanted), most=1)
    if got:
        remedies = (
            *remedies,
            layer_remedy(failure, nn.Linear, f"{got}, {out}{'' if layer.bias is not None else ', bias=False'}"),
        )
    return Finding("linear", why, clash, remedies)


def layer_remedy(failure: Failure, kind: type[nn.Module], arguments: str) -> Remedy:
    """The layer made anew to fit its input."""
    path = failure.layer.path if failure.layer is not None else ""
    return Remedy(
        f"nn.{kind.__name__}({arguments})", f"for {path}, to fit this input" if path else "to fit this input", True
    )


def batch_of_product(failure: Failure, match: re.Match[str]) -> Finding | None:
    """ "The size of tensor a must match …" raised by a product: the dimensions before the last two."""
    return product(failure, match) if failure.name in _PRODUCTS else None


RULES = [
    (r"mat1 and mat2 shapes cannot be multiplied \((?P<a0>\d+)x(?P<a1>\d+) and (?P<b0>\d+)x(?P<b1>\d+)\)", product),
    (r"size mismatch, got input \(", product),
    (r"inconsistent tensor size, expected tensor", product),
    (r"Expected size for first two dimensions of batch2", product),
    (
        (
            r"batch[12] must be a 3D tensor|must be a matrix|tensors expected, "
            r"but got|arguments to \w+ need to be at least"
        ),
        product,
    ),
    (r"(vector|matrix) \+ matrix @ (vector|matrix) expected", product),
    (r"The size of tensor a \(\d+\) must match|must match the existing size", batch_of_product),
    (r"inner\(\) the last dimension must match|(?:both|the) .*dimensions? .*to (?:match|agree)", product),
]
