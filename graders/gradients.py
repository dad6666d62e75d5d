"""Check gradients: of a function or a module against a reference or finite differences, and those that a cell left."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from graders.answers import as_function, as_tensor, call, called, elements, is_tensor, value_text
from graders.check_module import is_module, parameters_of
from graders.compare import diagnosed
from graders.comparison import Compared
from graders.diagnose import find
from graders.failure import CheckFailed, should_be

_BASE: Any = torch._C.TensorBase
_STEP = 1e-6
_PROBES = 12


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is differentiated: calls it with arguments, of which some are leaves, as parameters of a module are."""

    f: Callable[..., Any]
    arguments: tuple[Any, ...]
    leaves: Mapping[str, torch.Tensor]
    name: str
    rtol: float
    atol: float

    def result(self) -> torch.Tensor:
        return _result(call(self.f, self.arguments, self.name), self.name)


def check_gradient(
    f: Any,
    inputs: Sequence[object] = (),
    reference: Callable[..., Any] | None = None,
    *,
    name: str = "",
    points: int = 3,
    seed: int = 0,
    rtol: float = 1e-4,
    atol: float = 1e-6,
) -> None:
    """Demand that the gradients of ``f`` at ``inputs``, and at points around them, are right, in double precision.

    Args:
        f: the student's function or module; it must give a tensor of floating dtype.
        inputs: what to call it with; gradients are taken for floating tensors and numbers, and for a module's
            parameters. Other values are given as they are.
        reference: a function that is right; its value and its gradients are compared too. For a module it is called
            with the inputs and a dict of the parameters by name. Without one finite differences are what is right.
        name: what the student calls the function, for the message.
        points: at how many points: the first is ``inputs``, in the others each number is up to 30 % larger or smaller.
        seed: makes the same points each time.

    Raises:
        CheckFailed: the result is no tensor, is cut off from an input, or has other values or gradients.

    >>> check_gradient(lambda x: x * x, [3.0], lambda x: x ** 2)
    >>> check_gradient(lambda x: x.detach() * x, [3.0], lambda x: x ** 2, name="square")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `square` has the gradient 3 for its argument 1, expected 6. It is the expected one ...
    >>> check_gradient(torch.nn.Linear(2, 1), [torch.ones(3, 2)], lambda x, p: x @ p["weight"].T + p["bias"])
    """
    label = called(f, name)
    module = is_module(f)
    if module:
        f = call(lambda: copy.deepcopy(f).double(), [], f"copy.deepcopy({label}).double()")
    function = as_function(f, label)
    generator = torch.Generator().manual_seed(seed)
    for point in range(points):
        arguments = tuple(_argument(value, generator if point else None) for value in inputs)
        leaves = {_which(place, arguments): item for place, item in enumerate(arguments) if _is_leaf(item)}
        own = parameters_of(f, label) if module else {}
        leaves |= {f"`{label}.{key}`": item for key, item in own.items() if item.requires_grad}
        asked = _Asked(function, arguments, leaves, label, rtol, atol)
        _check_point(asked, None if reference is None else _differentiated(reference, arguments, own, module))


def check_grad(
    parameter: Any,
    name: str,
    expected: object | Callable[[torch.Tensor], torch.Tensor],
    *,
    rtol: float = 1e-4,
    atol: float = 1e-6,
) -> None:
    """Demand the gradient that a cell left in a parameter's ``.grad``.

    Args:
        parameter: the student's parameter.
        name: what the student calls it.
        expected: the gradient (a tensor, a list or a number), or a function that computes the loss from a float64 copy
            of the parameter: then its gradient is expected.

    Raises:
        CheckFailed: there is none, or another one; one that was added up over several backward passes is named.

    >>> W = torch.tensor(3.0, requires_grad=True)
    >>> for _ in range(2):
    ...     ((W * 2 - 10) ** 2).backward()
    >>> check_grad(W, "W", lambda W: (W * 2 - 10) ** 2)
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `W.grad` is -32, expected -16. It is 2 times the expected one: was it added up over ...
    """
    tensor = as_tensor(parameter, name)
    if not tensor.requires_grad:
        raise CheckFailed(f"`{name}` does not require gradients, so backward() leaves none in `{name}.grad`")
    if not _keeps_grad(parameter):
        why = f"{type(tensor.grad_fn).__name__} computed it, and only leaves keep their gradients"
        raise CheckFailed(f"`{name}` is no leaf: {why}")
    with torch._C.DisableTorchFunctionSubclass():
        grad = _BASE.grad.__get__(parameter)
    if grad is None:
        why = "did backward() run, on something that depends on it, and was the gradient kept?"
        raise CheckFailed(f"`{name}.grad` is None: {why}")
    if callable(expected) and not is_tensor(expected):
        leaf = elements(tensor, name).double().requires_grad_()
        right = _gradients(expected(leaf).sum(), {name: leaf})[name]
        expected = torch.zeros_like(leaf) if right is None else right
    right = torch.as_tensor(expected, dtype=torch.float64)
    if right.numel() == 1:
        right = right.reshape(tensor.shape) if tensor.numel() == 1 else right
    mine = elements(as_tensor(grad, f"{name}.grad"), f"{name}.grad")
    _compare_gradients(
        mine, right, f"`{name}.grad` is {{got}}, expected {{expected}}", f"`{name}.grad` is not right", rtol, atol
    )


def _keeps_grad(parameter: Any) -> bool:
    with torch._C.DisableTorchFunctionSubclass():
        return bool(_BASE.is_leaf.__get__(parameter)) or bool(_BASE.retains_grad.__get__(parameter))


def _argument(value: object, generator: torch.Generator | None) -> Any:
    """A leaf in double precision for a number or a floating tensor, at another point where there is a generator."""
    if is_tensor(value):
        given = as_tensor(value, "")
        if not given.is_floating_point():
            return given.clone()
        leaf = given.detach().to(torch.float64).clone()
    elif type(value) in (int, float):
        leaf = torch.tensor(value, dtype=torch.float64)
    else:
        return value
    if generator is not None:
        leaf = leaf * (0.7 + 0.6 * torch.rand(leaf.shape, generator=generator, dtype=torch.float64))
    return leaf.requires_grad_()


def _is_leaf(value: object) -> bool:
    return isinstance(value, torch.Tensor) and value.requires_grad


def _which(place: int, arguments: Sequence[Any]) -> str:
    return (
        f"argument {place + 1}"
        if sum(map(_is_leaf, arguments)) > 1
        else "its argument 1"
        if place == 0
        else f"argument {place + 1}"
    )


def _differentiated(
    reference: Callable[..., Any], arguments: Sequence[Any], parameters: Mapping[str, torch.Tensor], module: bool
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """What is right: the value, and the leaves to differentiate it by, in the order of the student's."""
    again = [item.detach().clone().requires_grad_() if _is_leaf(item) else item for item in arguments]
    copies = {key: item.detach().clone().requires_grad_(item.requires_grad) for key, item in parameters.items()}
    right = reference(*again, copies) if module and _takes(reference, len(again) + 1) else reference(*again)
    return right, [item for item in (*again, *copies.values()) if _is_leaf(item)]


def _takes(function: Callable[..., Any], count: int) -> bool:
    try:
        inspect.signature(function).bind(*range(count))
    except (TypeError, ValueError):
        return False
    return True


def _check_point(asked: _Asked, right: tuple[torch.Tensor, list[torch.Tensor]] | None) -> None:
    result = asked.result()
    weights = torch.linspace(1.0, 2.0, result.numel(), dtype=torch.float64).reshape(result.shape)
    expected: dict[str, torch.Tensor] | None = None
    if right is not None:
        value, leaves = right
        _compare_values(result, value, asked)
        found = _gradients((value * weights.to(value.dtype)).sum(), dict(zip(asked.leaves, leaves, strict=True)))
        expected = {key: torch.zeros_like(asked.leaves[key]) if grad is None else grad for key, grad in found.items()}
    if not result.requires_grad:
        cut = "does not require gradients: it lost its connection to the inputs (detach, .data, .item(), no_grad?)"
        raise CheckFailed(f"The result of `{asked.name}` {cut}")
    got: dict[str, torch.Tensor] = {}
    for key, grad in _gradients((result * weights.to(result.dtype)).sum(), asked.leaves).items():
        if grad is None and (expected is None or bool(expected[key].any())):
            raise CheckFailed(f"The result of `{asked.name}` does not depend on {key}: no gradient reaches it")
        got[key] = torch.zeros_like(asked.leaves[key]) if grad is None else grad
    for key, mine in got.items():
        if expected is not None:
            said = f"`{asked.name}` has the gradient {{got}} for {key}, expected {{expected}}"
            hidden = f"`{asked.name}` has a wrong gradient for {key}"
            _compare_gradients(mine, expected[key], said, hidden, asked.rtol, asked.atol)
        else:
            _compare_with_differences(asked, key, mine, weights)


def _result(result: Any, name: str) -> torch.Tensor:
    if not is_tensor(result):
        raise should_be(f"`{name}`", "return a tensor", result, did="it returned")
    tensor = as_tensor(result, name)
    if tensor.layout is not torch.strided or tensor.is_nested:
        raise should_be(f"`{name}`", "return an ordinary tensor", result)
    if not tensor.is_floating_point():
        dtype = str(tensor.dtype).removeprefix("torch.")
        raise CheckFailed(f"`{name}` returned a tensor of dtype {dtype}: only floating tensors have gradients")
    if not bool(torch.isfinite(elements(tensor, name)).all()):
        raise CheckFailed(f"`{name}` returned NaN or infinity")
    return tensor


def _gradients(result: torch.Tensor, leaves: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor | None]:
    if not result.requires_grad or not leaves:
        return dict.fromkeys(leaves)
    return dict(zip(leaves, torch.autograd.grad(result, list(leaves.values()), allow_unused=True), strict=True))


def _compare_values(result: torch.Tensor, right: torch.Tensor, asked: _Asked) -> None:
    if result.shape != right.shape:
        raise CheckFailed(f"`{asked.name}` gave shape {tuple(result.shape)}, expected {tuple(right.shape)}")
    mine, theirs = result.detach().double(), right.detach().double()
    if torch.allclose(mine, theirs, rtol=asked.rtol, atol=asked.atol):
        return
    said = f"`{asked.name}` gave {value_text(mine)}, expected {value_text(theirs)}"
    raise diagnosed(said, f"`{asked.name}` gave a wrong value", find(theirs, mine), Compared(asked.name, theirs, mine))


def _compare_gradients(
    got: torch.Tensor, expected: torch.Tensor, said: str, hidden: str, rtol: float, atol: float
) -> None:
    mine, right = got.detach().double().cpu(), expected.detach().double().cpu()
    if mine.shape == right.shape and torch.allclose(mine, right, rtol=rtol, atol=atol):  # NaN never is close
        return
    wrong = ~torch.isclose(mine, right, rtol=rtol, atol=atol) if mine.shape == right.shape else None
    text = said.format(got=value_text(mine), expected=value_text(right))
    compared = Compared("gradient", right, mine, wrong)
    raise diagnosed(text, hidden, find(right, got, gradient=True), compared)


def _compare_with_differences(asked: _Asked, key: str, grad: torch.Tensor, weights: torch.Tensor) -> None:
    """Autograd against central differences of the function itself, at some elements of one leaf."""
    leaf = asked.leaves[key]
    flat = grad.reshape(-1)
    spread = torch.linspace(0, max(flat.numel() - 1, 0), min(flat.numel(), _PROBES))
    for place in spread.round().long().unique().tolist():
        sides = []
        before = leaf.detach().clone()
        for step in (_STEP, -_STEP):
            with torch.no_grad():
                leaf.copy_(_moved(before, place, step))
                sides.append((asked.result().double() * weights).sum())
        with torch.no_grad():
            leaf.copy_(before)
        slope = float((sides[0] - sides[1]) / (2 * _STEP))
        mine = float(flat[place])
        if not abs(mine - slope) <= 1e-4 + 1e-3 * abs(slope):  # written so that NaN fails
            said = f"`{asked.name}` has the gradient {mine:.6g} for {key}"
            times = f"moving it slightly changes the result by {slope:.6g} times as much"
            hidden = "moving it slightly changes the result by another amount"
            raise CheckFailed(
                f"{said}, but {times}", redacted=f"`{asked.name}` has a wrong gradient for {key}: {hidden}"
            )


def _moved(before: torch.Tensor, place: int, step: float) -> torch.Tensor:
    moved = before.clone()
    moved.view(-1)[place] += step
    return moved
