"""Rules for mistakes in Python around tensors: methods used as numbers, wrong types, singular matrices."""

from __future__ import annotations

import ast
import difflib
import re

import torch

from torchmagic.observe.errors.failure import MISSING, Arg, Failure, value_of
from torchmagic.observe.errors.remedies import (
    Candidate,
    as_code,
    code_of,
    fill,
    offered,
    rebuilt,
    with_args,
    with_keyword,
)
from torchmagic.observe.errors.site import node_text
from torchmagic.observe.errors.words import Finding, shape_text
from torchmagic.records import Remedy

_NUMPY_NAMES = {
    "astype": ".to(dtype), such as .float()",
    "copy": ".clone()",
    "reshape_": ".reshape()",
    "append": "torch.cat",
    "len": "len()",
    "concat": "torch.cat",
    "concatenate": "torch.cat",
    "fillna": ".nan_to_num()",
    "values": ".detach().numpy()",
    "to_numpy": ".numpy()",
    "tanspose": ".T",
    "zero_grad": "optimizer.zero_grad()",
    "shape_": ".shape",
    "dot_product": ".dot()",
}


def method_as_value(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A method of a tensor used without calling it."""
    node = failure.site.node
    if node is None:
        return None
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute):
            base = value_of(each.value, failure.world)
            if isinstance(base, torch.Tensor) and callable(getattr(torch.Tensor, each.attr, None)):
                name, attribute = node_text(each.value), each.attr
                call = f"{name}.{attribute}()"
                why = f"{name}.{attribute} is a method: without parentheses it is not called, and gives no value."
                better = {"size": "{}.numel()", "shape": "{}.shape"}.get(attribute, f"{{}}.{attribute}()")
                swapped = fill(better, each.value)
                changed = rebuilt(node, {id(each): swapped})
                code = code_of(changed)
                text = "the number of elements; size() gives the shape" if attribute == "size" else f"calls {call}"
                return Finding("method", why, None, (Remedy(code, text, True),), ((name, "", base),))
    return None


def fact_called(failure: Failure, match: re.Match[str]) -> Finding | None:
    """An attribute of a tensor that is called, or a tensor that is."""
    node = failure.site.node
    if not isinstance(node, ast.Call):
        return None
    function = node.func
    name = node_text(function)
    if isinstance(function, ast.Attribute):
        base = value_of(function.value, failure.world)
        if isinstance(base, torch.Tensor):
            why = f"{name} is not a method but a value: it is written without parentheses."
            code = name if not node.args else f"{name}[{ast.unparse(node.args[0])}]"
            return Finding("method", why, None, (Remedy(code, "", True),), ((node_text(function.value), "", base),))
    value = value_of(function, failure.world)
    if isinstance(value, torch.Tensor) or "Tensor" in match[0]:
        why = (
            f"{name} is a tensor, and a tensor cannot be called: index it with square "
            f"brackets, or look for a missing * before the parenthesis."
        )
        code = f"{name}[{', '.join(map(ast.unparse, node.args))}]" if node.args else name
        extra = ((name, "", value),) if isinstance(value, torch.Tensor) else ()
        return Finding(
            "method", why, None, offered(failure, [as_code(code.replace("{", "{{").replace("}", "}}"))]), extra
        )
    return None


def no_attribute(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A name that tensors do not have."""
    name = match["name"]
    known = _NUMPY_NAMES.get(name)
    close = difflib.get_close_matches(name, [each for each in dir(torch.Tensor) if not each.startswith("_")], 1, 0.7)
    if known:
        return Finding("attribute", f"Tensors have no .{name}; write {known}.")
    if close:
        return Finding("attribute", f"Tensors have no .{name}; there is .{close[0]}.")
    return Finding("attribute", f"Tensors have no attribute or method named {name}.")


def argument_type(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A function of torch's that was given something else than a tensor."""
    got = match["got"]
    wrong = [each for each in failure.args if not each.is_tensor and each.value is not MISSING and _is_of(each, got)]
    name = match["argument"]
    x = next((each for each in wrong if each.role in ("", name)), wrong[0] if wrong else None)
    subject = x.text if x is not None else f"argument {name}"
    wanted = match["wanted"]
    if wanted != "Tensor":
        why = f"{_short(failure)} wants {_article(wanted)} for {name}; {subject} is of type {got}."
        candidates: list[Candidate] = []
        if x is not None and got == "float" and "int" in wanted:
            node = x.node
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
                candidates.append(
                    with_args(failure, {x: ast.unparse(ast.BinOp(node.left, ast.FloorDiv(), node.right))})
                )
            candidates.append(with_args(failure, {x: "int({})"}))
        return Finding("type", why, None, offered(failure, candidates, most=1))
    why = f"{_short(failure)} works on tensors, and {subject} is of type {got}."
    candidates = []
    if x is not None and got in ("list", "float", "int", "tuple", "bool"):
        candidates += [with_args(failure, {x: "torch.tensor({})"}), with_args(failure, {x: "torch.stack({})"})]
        candidates.append(with_args(failure, {x: "torch.tensor({}).float()"}))
    if x is not None and "ndarray" in got:
        candidates += [
            with_args(failure, {x: "torch.from_numpy({})"}),
            with_args(failure, {x: "torch.from_numpy({}).float()"}),
        ]
    if x is not None and got == "tuple":
        candidates.append(with_args(failure, {x: "{}[0]"}))
    return Finding("type", why, None, offered(failure, candidates, most=1))


def _short(failure: Failure) -> str:
    return failure.operation or "The function"


def _article(wanted: str) -> str:
    return {"int": "an integer", "tuple of ints": "integers", "float": "a number"}.get(wanted, wanted)


def _is_of(arg: Arg, name: str) -> bool:
    kind = type(arg.value)
    return name in (kind.__name__, f"{kind.__module__}.{kind.__qualname__}")


def operand_type(failure: Failure, match: re.Match[str]) -> Finding | None:
    """An operator between a tensor and something else."""
    kinds = (match["a"], match["b"])
    if "Tensor" not in kinds or len(failure.args) < 2:
        return None
    a, b = failure.args[0], failure.args[1]
    x = a if not a.is_tensor else b
    got = kinds[0] if kinds[1] == "Tensor" else kinds[1]
    if got == "NoneType":
        return Finding(
            "type", f"{x.text} is None, not a tensor: did a function forget its return, or was .grad not there yet?"
        )
    why = f"{failure.operation} works between tensors and numbers, and {x.text} is of type {got}."
    candidates = [with_args(failure, {x: "torch.tensor({})"})] if type(x.value) in (list, tuple) else []
    if x.is_array:
        candidates.append(with_args(failure, {x: "torch.from_numpy({})"}))
    if type(x.value) is str:
        candidates.append(with_args(failure, {x: "float({})"}))
    return Finding("type", why, None, offered(failure, candidates, most=1))


def object_array(failure: Failure, match: re.Match[str]) -> Finding | None:
    """An array of Python objects."""
    why = (
        "The array holds Python objects (dtype object: rows of different length, None or text), and a "
        "tensor holds numbers of one dtype: give the array a number dtype first."
    )
    if "str" in match[0] or "numpy.str" in failure.message:
        why = "The array holds text, and a tensor holds numbers: turn the text into numbers first."
    return Finding("numpy", why)


def overflow(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A number too large for its dtype."""
    return Finding(
        "overflow",
        (
            "The number does not fit into the dtype: int64 holds whole numbers up "
            "to 2**63 - 1. Use a float, or a larger dtype."
        ),
    )


def singular(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A matrix without inverse."""
    x = failure.tensors[0] if failure.tensors else None
    name = x.text if x is not None else "The matrix"
    if "cholesky" in failure.message or "positive-definite" in failure.message:
        why = (
            f"{name} is not positive-definite, which a Cholesky factor needs: all eigenvalues must "
            f"be above 0 (adding a small multiple of the identity often helps)."
        )
        return Finding("linalg", why)
    why = (
        f"{name} is singular: its rows depend on each other, so it has no inverse; pinv "
        f"gives the nearest thing, and lstsq solves without one."
    )
    candidates = (
        [as_code("torch.linalg.pinv({0})", x.node)]
        if x is not None and failure.name in ("inv", "inverse", "linalg_inv")
        else []
    )
    remedies = offered(failure, candidates)
    if not remedies and candidates and x is not None and x.value.dim() >= 2:
        remedies = (Remedy(f"torch.linalg.pinv({x.text})", "the pseudo-inverse", True),)
    return Finding("linalg", why, None, remedies)


def not_square(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A matrix that must be square."""
    x = failure.tensors[0] if failure.tensors else None
    if x is None:
        return None
    why = (
        f"{_short(failure)} wants a square matrix, with as many rows as columns; "
        f"{x.text} has shape {shape_text(x.shape)}."
    )
    inverses = failure.name in ("inv", "inverse", "linalg_inv")
    candidates = [as_code("torch.linalg.pinv({0})", x.node)] if inverses else []
    return Finding("linalg", why, None, offered(failure, candidates))


def pair_compared(failure: Failure, match: re.Match[str]) -> Finding | None:
    """``x.max(1) == y``: a pair is never equal to a tensor, so Python says False."""
    node = failure.site.node
    inner = next((each for each in ast.walk(node) if isinstance(each, ast.Compare)), None) if node is not None else None
    if inner is None:
        return None
    for side in (inner.left, *inner.comparators):
        value = value_of(side, failure.world)
        if isinstance(value, tuple) and any(isinstance(item, torch.Tensor) for item in value):
            fields = [each for each in ("values", "indices") if hasattr(type(value), each)]
            words = f"a pair ({', '.join(fields)})" if fields else f"a tuple of {len(value)}"
            why = f"{node_text(side)} gives {words}, not a tensor, so the comparison is the single value False."
            changed = rebuilt(node, {id(side): fill("{}.indices" if fields else "{}[0]", side)})  # type: ignore[arg-type]
            code = code_of(changed)
            extra = tuple(
                (node_text(each), "", other)
                for each in (inner.left, *inner.comparators)
                if isinstance(other := value_of(each, failure.world), torch.Tensor)
            )
            return Finding("type", why, None, (Remedy(code, "", True),), extra)
    return None


def assigned_type(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Something that is no number where a number goes."""
    return Finding("type", f"The elements of a tensor are numbers of its dtype; a {match['got']} cannot be one.")


def signature(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Arguments that a function of torch's does not take."""
    got = re.search(r"got \(([^)]*)\)", failure.message)
    keyword = re.search(r"unexpected keyword argument '(\w+)'", failure.message)
    numpy_words = {"axis": "dim", "axes": "dim", "keepdims": "keepdim", "size": "size"}
    given = keyword[1] if keyword else None
    if given is None and got:
        given = next(
            (each.split("=")[0].strip() for each in got[1].split(",") if each.split("=")[0].strip() in numpy_words),
            None,
        )
    if not failure.tensors and not failure.operation.startswith(("torch.", "F.", "nn.", "Tensor.")):
        return None
    floats = [each for each in failure.args if type(each.value) is float]
    if floats and failure.name in (
        "zeros",
        "ones",
        "rand",
        "randn",
        "empty",
        "full",
        "randint",
        "reshape",
        "view",
        "arange",
    ):
        x = floats[0]
        why = f"Sizes are whole numbers; {x.text} is the float {x.value}."
        node = x.node
        candidates: list[Candidate] = []
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            candidates.append(with_args(failure, {x: ast.unparse(ast.BinOp(node.left, ast.FloorDiv(), node.right))}))
        candidates.append(with_args(failure, {x: "int({})"}))
        return Finding("type", why, None, offered(failure, candidates, most=1))
    if given is not None:
        better = numpy_words.get(given, "")
        why = (
            f"{_short(failure)} has no argument named "
            f"{given}{f'; torch calls it {better}' if better and better != given else ''}."
        )
        call = failure.site.node
        candidates = []
        if better and isinstance(call, ast.Call):
            keywords = [ast.keyword(better, each.value) if each.arg == given else each for each in call.keywords]
            candidates = [Candidate(ast.Call(func=call.func, args=call.args, keywords=keywords))]
        return Finding("type", why, None, offered(failure, candidates))
    kinds = f": it was given ({got[1].strip().rstrip(',')})" if got else ""
    return Finding("type", f"{_short(failure)} does not take these arguments together{kinds}.")


def format_spec(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A number format for a tensor of many values."""
    x = failure.tensors[0] if failure.tensors else None
    if x is None:
        return None
    why = f"A format such as :.2f is for one number; {x.text} has {x.value.numel()} elements."
    return Finding("format", why)


def negative_size(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A size below zero."""
    return Finding("size", "A size cannot be negative (only view and reshape know -1, for the size that is left).")


def constraint(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A parameter of a distribution outside its range."""
    bounds = re.search(r"(GreaterThan\w*|LessThan\w*|Interval|Positive\w*)\(([^)]*)\)", failure.message)
    words = f" It must satisfy {bounds[1]}({bounds[2]})." if bounds else ""
    return Finding("value", f"The parameter {match['name']} has values that this distribution does not allow.{words}")


def sampling(failure: Failure, match: re.Match[str]) -> Finding | None:
    """More draws than there are things to draw."""
    x = failure.tensors[0] if failure.tensors else None
    name = x.text if x is not None else "the weights"
    why = (
        f"Without replacement each of the {x.shape[-1] if x is not None and x.shape else 0} "
        f"entries of {name} can be drawn once."
    )
    candidates = [with_keyword(failure, "replacement", "True", "entries may come up again")]
    return Finding("value", why, None, offered(failure, candidates))


RULES = [
    (r"'bool' object has no attribute", pair_compared),
    (r"can't assign an? (?P<got>\w+) to", assigned_type),
    (r"Expected parameter (?P<name>\w+) .*to satisfy the constraint", constraint),
    (r"cannot sample n_sample > prob_dist", sampling),
    (r"'builtin_function_or_method'|'method' object|'method'|method_descriptor", method_as_value),
    (
        r"'(?:torch\.)?(?:Size|dtype|device|Tensor)' object is not callable|'NoneType' object is not callable",
        fact_called,
    ),
    (r"'(?:Tensor|Parameter)' object has no attribute '(?P<name>\w+)'", no_attribute),
    (
        (
            r"argument '(?P<argument>\w+)'(?: \(position \d+\))? must be (?P<wanted>[\w "
            r"]+?),? (?:but got|not) (?P<got>[\w.]+)"
        ),
        argument_type,
    ),
    (r"unsupported operand type\(s\) for [^:]+: '(?P<a>\w+)' and '(?P<b>[\w.]+)'", operand_type),
    (r"can't convert np\.ndarray of type", object_array),
    (r"[Oo]verflow|out of range integral|cannot be converted to type .* without overflow", overflow),
    (r"singular|positive-definite|failed to converge|ill-conditioned", singular),
    (r"square matrices|must be (?:batches of )?square|a square matrix", not_square),
    (
        (
            r"received an invalid combination of arguments|unexpected keyword "
            r"argument|takes (?:from )?\d+ .*positional argument"
        ),
        signature,
    ),
    (r"unsupported format string passed to Tensor", format_spec),
    (r"[Dd]imension size must be non-negative|negative dimension|invalid shape dimension", negative_size),
]
