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
)
from torchmagic.observe.errors.site import node_text
from torchmagic.observe.errors.words import Finding
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
            if issubclass(type(base), torch.Tensor) and callable(getattr(torch.Tensor, each.attr, None)):
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
        if issubclass(type(base), torch.Tensor):
            why = f"{name} is not a method but a value: it is written without parentheses."
            code = name if not node.args else f"{name}[{ast.unparse(node.args[0])}]"
            return Finding("method", why, None, (Remedy(code, "", True),), ((node_text(function.value), "", base),))
    value = value_of(function, failure.world)
    if issubclass(type(value), torch.Tensor) or "Tensor" in match[0]:
        why = (
            f"{name} is a tensor, and a tensor cannot be called: index it with square "
            f"brackets, or look for a missing * before the parenthesis."
        )
        code = f"{name}[{', '.join(map(ast.unparse, node.args))}]" if node.args else name
        extra = ((name, "", value),) if issubclass(type(value), torch.Tensor) else ()
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
        why = f"{short_name(failure)} wants {_article(wanted)} for {name}; {subject} is of type {got}."
        candidates: list[Candidate] = []
        if x is not None and got == "float" and "int" in wanted:
            node = x.node
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
                candidates.append(
                    with_args(failure, {x: ast.unparse(ast.BinOp(node.left, ast.FloorDiv(), node.right))})
                )
            candidates.append(with_args(failure, {x: "int({})"}))
        return Finding("type", why, None, offered(failure, candidates, most=1))
    why = f"{short_name(failure)} works on tensors, and {subject} is of type {got}."
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


def short_name(failure: Failure) -> str:
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


def pair_compared(failure: Failure, match: re.Match[str]) -> Finding | None:
    """``x.max(1) == y``: a pair is never equal to a tensor, so Python says False."""
    node = failure.site.node
    inner = next((each for each in ast.walk(node) if isinstance(each, ast.Compare)), None) if node is not None else None
    if inner is None:
        return None
    for side in (inner.left, *inner.comparators):
        value = value_of(side, failure.world)
        if isinstance(value, tuple) and any(issubclass(type(item), torch.Tensor) for item in value):
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
            f"{short_name(failure)} has no argument named "
            f"{given}{f'; torch calls it {better}' if better and better != given else ''}."
        )
        call = failure.site.node
        candidates = []
        if better and isinstance(call, ast.Call):
            keywords = [ast.keyword(better, each.value) if each.arg == given else each for each in call.keywords]
            candidates = [Candidate(ast.Call(func=call.func, args=call.args, keywords=keywords))]
        return Finding("type", why, None, offered(failure, candidates))
    kinds = f": it was given ({got[1].strip().rstrip(',')})" if got else ""
    return Finding("type", f"{short_name(failure)} does not take these arguments together{kinds}.")


def format_spec(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A number format for a tensor of many values."""
    x = failure.tensors[0] if failure.tensors else None
    if x is None:
        return None
    why = f"A format such as :.2f is for one number; {x.text} has {x.value.numel()} elements."
    return Finding("format", why)


RULES = [
    (r"'bool' object has no attribute", pair_compared),
    (r"can't assign an? (?P<got>\w+) to", assigned_type),
    (r"'builtin_function_or_method'|'method' object|'method'|method_descriptor", method_as_value),
    (
        r"'(?:torch\.)?(?:Size|dtype|device|Tensor)' object is not callable|'NoneType' object is not callable",
        fact_called,
    ),
    (r"'(?:Tensor|Parameter)' object has no attribute '(?P<name>\w+)'", no_attribute),
    (
        (
            r"argument '(?P<argument>\w+)'(?: \(position \d+\))? must be (?P<wanted>[\w "
            r"]+?),? (?:but got|but found element of type|not) (?P<got>[\w.]+)"
        ),
        argument_type,
    ),
    (r"unsupported operand type\(s\) for [^:]+: '(?P<a>\w+)' and '(?P<b>[\w.]+)'", operand_type),
    (
        (
            r"received an invalid combination of arguments|unexpected keyword "
            r"argument|takes (?:from )?\d+ .*positional argument"
        ),
        signature,
    ),
    (r"unsupported format string passed to Tensor", format_spec),
]
