"""Check a function's gradients against a reference and against finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from graders.diagnose import diagnose_gradient
from graders.failure import CheckFailed, describe

_STEP = 1e-6
_PROBES = 12


def check_gradient(
    f: Callable[..., Any],
    inputs: Sequence[object],
    reference: Callable[..., Any] | None = None,
    *,
    name: str = "",
    rtol: float = 1e-4,
    atol: float = 1e-6,
) -> None:
    """Demand that the gradients of ``f`` at ``inputs`` are right, in double precision.

    Args:
        f: the student's function; it must give a tensor of floating dtype.
        inputs: floating tensors (or numbers) to call it with; gradients are taken for each.
        reference: a function that is right; its value and its gradients are compared too.
        name: what the student calls the function, for the message.

    Raises:
        CheckFailed: the result is no tensor, is cut off from an input, or has other values or gradients.

    >>> check_gradient(lambda x: x * x, [3.0], lambda x: x ** 2)
    >>> check_gradient(lambda x: x.detach() * x, [3.0], lambda x: x ** 2, name="square")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `square` has the gradient 3 for its argument 1, expected 6. It is the expected one ...
    """
    called = name or _name(f)
    leaves = [_leaf(value) for value in inputs]
    result = _result(f(*leaves), called)
    weights = torch.linspace(1.0, 2.0, result.numel(), dtype=torch.float64).reshape(result.shape).to(result.dtype)
    expected: list[torch.Tensor] | None = None
    if reference is not None:
        again = [_leaf(value) for value in inputs]
        right = reference(*again)
        _compare_values(result, right, called, rtol, atol)
        expected = _gradients(right, again, weights.to(right.dtype), called, lenient=True)
    if not result.requires_grad:
        cut = "does not require gradients: it lost its connection to the inputs (detach, .data, .item(), no_grad?)"
        raise CheckFailed(f"The result of `{called}` {cut}")
    lenient = expected is not None and all(not bool(grad.any()) for grad in expected)
    got = _gradients(result, leaves, weights, called, lenient=lenient, expected=expected)
    for index, (mine, right_one) in enumerate(zip(got, expected or got, strict=True), 1):
        _compare(mine, right_one, called, index, len(leaves), rtol, atol)
    if reference is None:
        _compare_with_differences(f, inputs, got, weights, called)


def _leaf(value: object) -> torch.Tensor:
    tensor = value if isinstance(value, torch.Tensor) else torch.tensor(value)
    return tensor.detach().to(torch.float64).clone().requires_grad_()


def _result(result: Any, called: str) -> torch.Tensor:
    if not issubclass(type(result), torch.Tensor):
        raise CheckFailed(f"`{called}` should return a tensor, but it returned {describe(result)}")
    if not result.is_floating_point():
        dtype = str(result.dtype).removeprefix("torch.")
        raise CheckFailed(f"`{called}` returned a tensor of dtype {dtype}: only floating tensors have gradients")
    if not bool(torch.isfinite(result.detach()).all()):
        raise CheckFailed(f"`{called}` returned NaN or infinity")
    return result  # type: ignore[no-any-return]


def _gradients(
    result: torch.Tensor,
    leaves: list[torch.Tensor],
    weights: torch.Tensor,
    called: str,
    *,
    lenient: bool,
    expected: list[torch.Tensor] | None = None,
) -> list[torch.Tensor]:
    if not result.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    found: tuple[torch.Tensor | None, ...] = torch.autograd.grad(result, leaves, weights, allow_unused=True)
    for index, grad in enumerate(found):
        needed = expected is None or bool(expected[index].any())
        if grad is None and not lenient and needed:
            which = f"argument {index + 1}" if len(leaves) > 1 else "its argument"
            raise CheckFailed(f"The result of `{called}` does not depend on {which}: no gradient reaches it")
    return [torch.zeros_like(leaf) if grad is None else grad for grad, leaf in zip(found, leaves, strict=True)]


def _compare_values(result: torch.Tensor, right: torch.Tensor, called: str, rtol: float, atol: float) -> None:
    if result.shape != right.shape:
        raise CheckFailed(f"`{called}` gave shape {tuple(result.shape)}, expected {tuple(right.shape)}")
    mine, theirs = result.detach().double(), right.detach().double()
    if not torch.allclose(mine, theirs, rtol=rtol, atol=atol):
        message = f"`{called}` gave {_text(mine)}, expected {_text(theirs)}"
        raise CheckFailed(message, redacted=f"`{called}` gave a wrong value")


def _compare(
    got: torch.Tensor, expected: torch.Tensor, called: str, index: int, count: int, rtol: float, atol: float
) -> None:
    if torch.allclose(got.double(), expected.double(), rtol=rtol, atol=atol):  # NaN never is close
        return
    which = f"argument {index}" if count > 1 else "its argument 1"
    why = diagnose_gradient(expected, got)
    message = f"`{called}` has the gradient {_text(got)} for {which}, expected {_text(expected)}. {why}".strip()
    raise CheckFailed(message, redacted=f"`{called}` has a wrong gradient for {which}. {why}".strip())


def _compare_with_differences(
    f: Callable[..., Any], inputs: Sequence[object], got: list[torch.Tensor], weights: torch.Tensor, called: str
) -> None:
    """Autograd against central differences of the function itself, at some elements of each input."""
    for index, grad in enumerate(got):
        flat = grad.reshape(-1)
        spread = torch.linspace(0, max(flat.numel() - 1, 0), min(flat.numel(), _PROBES))
        for place in spread.round().long().unique().tolist():
            sides = []
            for step in (_STEP, -_STEP):
                moved = [_leaf(value).detach() for value in inputs]
                moved[index].view(-1)[place] += step
                with torch.no_grad():
                    sides.append((_result(f(*moved), called).double() * weights.double()).sum())
            slope = float((sides[0] - sides[1]) / (2 * _STEP))
            mine = float(flat[place])
            if not abs(mine - slope) <= 1e-4 + 1e-3 * abs(slope):  # written so that NaN fails
                which = f"argument {index + 1}"
                raise CheckFailed(
                    f"`{called}` has the gradient {mine:.6g} for {which}, but moving it slightly changes the result by "
                    f"{slope:.6g} times as much"
                )


def _text(tensor: torch.Tensor) -> str:
    if tensor.numel() == 1:
        return f"{float(tensor):.6g}"
    if tensor.numel() <= 6:
        return str([round(value, 5) for value in tensor.detach().reshape(-1).tolist()])
    return f"values of shape {tuple(tensor.shape)}"


def _name(f: object) -> str:
    name = getattr(f, "__name__", "")
    return name if isinstance(name, str) and name.isidentifier() else "your function"
