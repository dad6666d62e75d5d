"""Rules for dtypes and devices: operands of different kinds, and operations that a kind does not have."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import torch
from torch import nn

from torchmagic.observe.errors.failure import MISSING, Arg, Failure
from torchmagic.observe.errors.remedies import Candidate, as_code, offered, with_args, with_method
from torchmagic.observe.errors.words import Finding, cast, dtype_word, short_dtype
from torchmagic.records import Remedy

#: What the parameters are called that take the numbers of classes.
_CLASSES = ("target", "labels")


def differ(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Two operands that must have one dtype."""
    tensors = failure.tensors
    if match.groupdict().get("b") == "Long" and any(each.role in _CLASSES for each in tensors):
        return wants_integers(failure, match)  # in the words of torch 2.11 and older
    module = failure.callee if isinstance(failure.callee, nn.Module) else None
    weights = [each for each in module.parameters() if each.dtype.is_floating_point] if module is not None else []
    if weights and tensors:
        return _layer_and_input(failure, weights[0].dtype)
    if not tensors:
        return None
    kinds = {each.dtype for each in tensors}
    names = " and ".join(f"{each.text} is {short_dtype(each.dtype)}" for each in tensors[:3])
    if len(kinds) < 2:
        found = {key: dtype_word(word) for key, word in match.groupdict().items() if word}
        known = " and ".join(found.values())
        names = f"{tensors[0].text} is {short_dtype(tensors[0].dtype)}" + (f"; torch found {known}" if known else "")
    why = f"{_called(failure)} needs operands of one dtype: {names}."
    return Finding("dtype", why, None, offered(failure, _to_one(failure, tensors)))


def _called(failure: Failure) -> str:
    return failure.operation or "This operation"


def _layer_and_input(failure: Failure, wanted: torch.dtype) -> Finding | None:
    wrong = [each for each in failure.tensors if each.dtype != wanted]
    if not wrong:
        return None
    x = wrong[0]
    name = failure.layer.path if failure.layer is not None and failure.layer.path else _called(failure)
    why = (
        f"The parameters of {name} are {short_dtype(wanted)} and {x.text} is {short_dtype(x.dtype)}: "
        "a layer computes in one dtype, its parameters'."
    )
    candidates = [with_args(failure, {each: cast(wanted) for each in wrong if each.node is not None})]
    candidates += [
        with_args(failure, {each: cast(wanted)}) for each in failure.args if each.is_tensor and each is not x
    ]
    remedies = offered(failure, candidates)
    if not remedies and failure.site.node is not None:
        inner = _first_tensor(failure)
        if inner is not None:
            remedies = offered(failure, [with_args(failure, {inner: cast(wanted)})])
    return Finding("dtype", why, None, remedies)


def _first_tensor(failure: Failure) -> Arg | None:
    """The first tensor that the user's own call passes, where the failing layer lies deeper."""
    from torchmagic.observe.errors.failure import user_args

    return next((each for each in user_args(failure) if each.is_tensor), None)


def _to_one(failure: Failure, tensors: list[Arg]) -> Iterator[Candidate]:
    floats = [each for each in tensors if each.dtype.is_floating_point or each.dtype.is_complex]
    others = [each for each in tensors if each not in floats]
    wanted = torch.float32 if any(each.dtype == torch.float32 for each in floats) else None
    wanted = wanted or next((each.dtype for each in floats if each.dtype != torch.float64), None)
    wanted = wanted or (floats[0].dtype if floats else None)
    for each in others:
        if wanted is not None:
            yield with_args(failure, {each: cast(wanted)})
    doubles = [each for each in floats if each.dtype != wanted]
    for each in doubles:
        yield with_args(failure, {each: cast(wanted or torch.float32)})
    if len(others) > 1 or (doubles and others):
        yield with_args(failure, dict.fromkeys([*others, *doubles], cast(wanted or torch.float32)))
    for each in tensors:
        for other in tensors:
            if each.dtype != other.dtype:
                yield with_args(failure, {each: cast(other.dtype)})


def needs_float(failure: Failure, match: re.Match[str]) -> Finding | None:
    """An operation that has no meaning for integers or booleans."""
    wrong = [each for each in failure.tensors if not (each.dtype.is_floating_point or each.dtype.is_complex)]
    if not wrong:
        return None
    x = wrong[0]
    why = f"{_called(failure)} gives fractions, so it wants floating-point values; {x.text} is {short_dtype(x.dtype)}."
    candidates = [with_args(failure, {x: "{}.float()"}), with_args(failure, dict.fromkeys(wrong, "{}.float()"))]
    return Finding("dtype", why, None, offered(failure, candidates, most=1))


def not_implemented(failure: Failure, match: re.Match[str]) -> Finding | None:
    """ "… not implemented for 'Long'": the operation has no version for this dtype."""
    name = dtype_word(match["dtype"])
    wrong = [each for each in failure.tensors if short_dtype(each.dtype) == name]
    if not wrong:
        return None
    x = wrong[0]
    is_float = x.dtype.is_floating_point
    why = f"{_called(failure)} does not work on {name}, the dtype of {x.text}."
    casts = ["{}.bool()", "{}.long()"] if is_float else ["{}.float()", "{}.long()"]
    candidates = [with_args(failure, dict.fromkeys(wrong, each), trusted=not is_float) for each in casts]
    candidates += [with_args(failure, {x: each}) for each in casts]
    return Finding("dtype", why, None, offered(failure, candidates, most=1))


def wants_integers(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Indices and class numbers must be integers."""
    floats = [each for each in failure.tensors if each.role in ("index", "indices", "tensor", *_CLASSES)]
    integer = (torch.int64, torch.uint8, torch.bool)
    wrong = [each for each in floats if each.dtype not in integer]
    wrong = wrong or [each for each in reversed(failure.tensors) if each.dtype not in integer]
    if not wrong:
        return None
    x = wrong[0]
    what = "class numbers" if x.role in _CLASSES or "target" in match[0].lower() else "indices"
    why = f"{x.text} holds {what} here, and those are int64 (long); {x.text} is {short_dtype(x.dtype)}."
    candidates = [with_args(failure, {each: "{}.long()"}, trusted=True) for each in wrong]
    return Finding("dtype", why, None, offered(failure, candidates, most=1))


def grad_of_integers(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Only floating-point tensors can require gradients."""
    why = (
        "Only floating-point (or complex) tensors can require gradients: a gradient is the "
        "effect of a small change, and integers do not change by a little."
    )
    candidates: list[Candidate] = []
    tensor = failure.tensors[0] if failure.tensors else None
    if tensor is not None:
        why = f"{why[:-1]}; {tensor.text} is {short_dtype(tensor.dtype)}."
        candidates.append(with_args(failure, {tensor: "{}.float()"}))
    node = failure.site.node
    if isinstance(node, ast.Call):
        if node.args and _is_literal(node.args[0]):
            floats = _floated(node.args[0])
            candidates.append(
                Candidate(ast.Call(func=node.func, args=[floats, *node.args[1:]], keywords=node.keywords))
            )
        others = [each for each in node.keywords if each.arg != "dtype"]
        dtype = ast.keyword(arg="dtype", value=ast.parse("torch.float32", mode="eval").body)
        candidates.append(Candidate(ast.Call(func=node.func, args=node.args, keywords=[*others, dtype])))
    return Finding("dtype", why, None, offered(failure, candidates, most=1))


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, SyntaxError, TypeError):
        return False
    return True


def _floated(node: ast.expr) -> ast.expr:
    """A literal with its integers as floats."""

    class Floats(ast.NodeTransformer):
        def visit_Constant(self, each: ast.Constant) -> ast.expr:
            return ast.Constant(float(each.value)) if type(each.value) is int else each

    new: ast.expr = Floats().visit(ast.parse(ast.unparse(node), mode="eval").body)
    return new


def in_place_cast(failure: Failure, match: re.Match[str]) -> Finding | None:
    """The result of an in-place operation has a dtype that its tensor cannot hold."""
    target = failure.tensors[0] if failure.tensors else None
    result, held = dtype_word(match["result"]), dtype_word(match["target"])
    if target is None:
        return None
    if not isinstance(failure.site.node, ast.AugAssign) and not failure.name.endswith("_"):
        return differ(failure, match) if len({each.dtype for each in failure.tensors}) > 1 else None
    why = f"An operation in place keeps the dtype of {target.text}, {held}, and the result is {result}."
    node = failure.site.node
    candidates: list[Candidate] = []
    if isinstance(node, ast.AugAssign):
        new = ast.Assign(targets=[node.target], value=ast.BinOp(left=node.target, op=node.op, right=node.value))
        candidates.append(Candidate(new, f"makes a new {result} tensor"))
    elif failure.name.endswith("_"):
        candidates.append(with_method(failure, failure.name[:-1], f"makes a new {result} tensor"))
    return Finding("dtype", why, None, offered(failure, candidates))


def bool_subtraction(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Minus is not defined for booleans."""
    if len(failure.tensors) < 1:
        return None
    args = failure.args
    why = "- is not defined for booleans; use ^ for those that differ, or turn them into numbers first."
    candidates: list[Candidate] = []
    if len(args) > 1 and isinstance(failure.site.node, ast.BinOp):
        candidates.append(as_code("{0} ^ {1}", args[0].node, args[1].node, text="True where they differ"))
        candidates.append(with_args(failure, {args[0]: "{}.long()", args[1]: "{}.long()"}, text="numbers: -1, 0 or 1"))
    elif args:
        candidates.append(as_code("~{0}", args[-1].node))
    return Finding("dtype", why, None, offered(failure, candidates))


# -- devices ---------------------------------------------------------------------------------------------


def devices(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Operands on different devices."""
    tensors = failure.tensors
    module = failure.callee if isinstance(failure.callee, nn.Module) else None
    parameters = list(module.parameters()) if module is not None else []
    if parameters and tensors:
        wanted = str(parameters[0].device)
        wrong = [each for each in tensors if failure.device(each) != wanted]
        if not wrong:
            return None
        x = wrong[0]
        name = failure.layer.path if failure.layer is not None and failure.layer.path else _called(failure)
        why = (
            f"{name} is on device {wanted} and {x.text} on {failure.device(x)}: "
            f"a layer and its input must be on one device."
        )
        moved = x if x.node is not None else _first_tensor(failure)
        candidates = [] if moved is None else [with_args(failure, {moved: f"{{}}.to('{wanted}')"})]
        return Finding("device", why, None, offered(failure, candidates))
    found = {failure.device(each) for each in tensors}
    if len(found) < 2:
        if len(tensors) == 1 and MISSING in [each.value for each in failure.args]:
            return Finding("device", "All operands must be on the same device.")
        return None
    names = " and ".join(f"{each.text} is on {failure.device(each)}" for each in tensors[:3])
    why = f"All operands must be on the same device: {names}."
    first = tensors[0]
    base = next((each for each in tensors if failure.device(each).startswith(("cuda", "mps", "xpu"))), first)
    odd = {each: f"{{}}.to({base.text}.device)" for each in tensors if failure.device(each) != failure.device(base)}
    return Finding("device", why, None, offered(failure, [with_args(failure, odd)]))


def no_cuda(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A device that this machine or this build has not."""
    why = "There is no CUDA device that this PyTorch can use here; choose the device with torch.cuda.is_available()."
    node = failure.site.node
    remedies: tuple[Remedy, ...] = ()
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("to", "cuda"):
        remedies = (Remedy(f"{ast.unparse(node.func.value)}.to('cpu')", "works on every machine", True),)
    return Finding("device", why, None, remedies)


def no_elements(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Meta tensors hold no elements."""
    x = next((each for each in failure.tensors if failure.device(each) == "meta"), None)
    if x is None:
        return None
    return Finding("device", f"{x.text} is on the meta device: it has a shape and a dtype, but no elements to read.")


_DTYPE = r"[\w:.<> ]+?"
RULES = [
    (rf"have the same dtype, but got:? (?P<a>{_DTYPE}) (?:!=|and) (?P<b>\w+)", differ),
    (r"expected scalar type (?P<b>\w+) but found (?P<a>\w+)", differ),
    (rf"Input type \((?P<a>{_DTYPE})\) and (?:bias|weight) type \((?P<b>{_DTYPE})\) should be the same", differ),
    (r"Found dtype (?P<a>\w+) but expected (?P<b>\w+)", differ),
    (r"RNN input dtype|input must have the type torch|should have (?:the )?same dtype", differ),
    (r"Expected .*to be equal to src\.dtype", differ),
    (r"source and destination dtypes match|to have the same (?:dtype|type)|dtypes? .*(?:must|should) match", differ),
    (
        r"could not infer output dtype|[Ee]xpected a floating[- ]point|floating[- ]point or complex (?:dtype|tensor)",
        needs_float,
    ),
    (r"(?:only supports?|must be(?: a)?|Expected) (?:a )?(?:complex or )?floating[- ]?point", needs_float),
    (r"[Oo]nly Tensors of floating point", grad_of_integers),
    (r"result type (?P<result>\w+) can't be cast to the desired output type (?P<target>\w+)", in_place_cast),
    (r"not implemented for '(?P<dtype>[\w:<>]+)'", not_implemented),
    (r"expected target dtype|Expected target size|expected scalar type Long", wants_integers),
    (r"tensors used as indices must be|Expected tensor for argument #\d+ 'indices'", wants_integers),
    (r"[Ee]xpected (?:dtype|index).*(?:int64|int32|Long|long|integer)|only applicable to index tensor", wants_integers),
    (r"Subtraction, the `-` operator|Negation, the `-` operator", bool_subtraction),
    (r"on the same device|is not on the expected device|device type .* are not|two devices|same device", devices),
    (r"not compiled with CUDA|No CUDA GPUs|Found no NVIDIA|CUDA driver", no_cuda),
    (r"cannot be called on meta|Cannot copy out of meta|no data", no_elements),
]
