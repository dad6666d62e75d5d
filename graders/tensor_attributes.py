"""Grader of the assignment *shape, dtype, device*: facts about a tensor, rounding, working on every device."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

from graders.answers import as_function, as_tensor, elements, is_a, is_tensor, sizes
from graders.check_tensor import check_tensor
from graders.failure import CheckFailed, describe, failed_call


def check_facts(facts: Any, tensor: torch.Tensor, name: str, keys: Sequence[str]) -> None:
    """Demand a dict with some of the facts "shape", "dims", "elements", "dtype" and "device" of a tensor.

    Raises:
        CheckFailed: one is missing or wrong; the message tells only what was given, and what it might be.

    >>> check_facts({"dims": 3}, torch.ones(3, 2), "facts(…)", ["dims"])
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: 'dims' in `facts(…)` is 3, and that is not right: that is how many rows it has
    """
    if not is_a(facts, dict):
        raise CheckFailed(f"`{name}` should be a dict, but it is {describe(facts)}")
    for key in keys:
        if key not in facts:
            raise CheckFailed(f"`{name}` lacks the key {key!r}")
        given = facts[key]
        if key == "shape":
            right = sizes(given) == tuple(tensor.shape)
        elif key == "dtype":
            right = type(given) is torch.dtype and given == tensor.dtype
        elif key == "device":
            right = is_a(given, str, torch.device) and str(given) in (str(tensor.device), tensor.device.type)
        else:
            right = type(given) is int and given == (tensor.dim() if key == "dims" else tensor.numel())
        if not right:
            why = _instead(key, given, tensor)
            raise CheckFailed(f"{key!r} in `{name}` is {_shown(given)}, and that is not right{why}")


def check_nearest(value: Any, t: torch.Tensor, name: str) -> None:
    """Demand int64 numbers that are at most a half away from those of ``t``.

    Raises:
        CheckFailed: they are not; numbers whose decimals were cut off are named.

    >>> check_nearest(torch.tensor([2]), torch.tensor([2.9]), "nearest([2.9])")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `nearest([2.9])` is not the nearest in 1 of 1 places. The decimals were cut off: ...
    """
    check_tensor(value, name, shape=tuple(t.shape), dtype=torch.int64)
    given = elements(as_tensor(value, name), name)
    wrong = int(((given - t).abs() > 0.5).sum())
    if not wrong:
        return
    said = f"`{name}` is not the nearest in {wrong} of {t.numel()} places"
    if torch.equal(given, t.trunc().long()):
        said += ". The decimals were cut off: a conversion to whole numbers does not round."
    elif torch.equal(given, (t + 0.5).trunc().long()):
        said += ". Adding a half before cutting off goes wrong below zero."
    elif torch.equal(given, t.floor().long()) or torch.equal(given, t.ceil().long()):
        said += ". It was always rounded in the same direction."
    raise CheckFailed(said)


def check_anywhere(f: Any, arguments: Sequence[torch.Tensor], devices: Iterable[Any], name: str) -> None:
    """Demand that a function gives on each device what it gives on the CPU, and leaves it where its first argument is.

    Args:
        arguments: tensors on the CPU.
        devices: the kinds of devices to try.

    Raises:
        CheckFailed: it raises for arguments on some device, or its result lies elsewhere or has another shape or dtype.

    >>> check_anywhere(lambda x: x + torch.arange(2), [torch.ones(2)], ["cpu", "meta"], "f")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `f` works on the CPU, but for an argument on meta it raised RuntimeError: ...
    """
    function = as_function(f, name)
    usual = as_tensor(_call(function, arguments, "cpu", name), f"{name}(…)")
    for device in sorted({_device(device) for device in devices} - {"cpu"}):
        result = _call(function, [argument.to(device) for argument in arguments], device, name)
        here = f"{name}(…)"
        tensor = as_tensor(result, here)
        if tensor.device.type != device:
            raise CheckFailed(f"`{here}` lies on {tensor.device.type}, although its argument lies on {device}")
        check_tensor(tensor, here, shape=tuple(usual.shape), dtype=usual.dtype)
        if device != "meta":
            check_tensor(tensor, here, values=elements(usual, here))
    if usual.device.type != "cpu":
        raise CheckFailed(f"`{name}(…)` lies on {usual.device.type}, although its argument lies on cpu")


def _call(function: Callable[..., Any], arguments: Sequence[torch.Tensor], device: str, name: str) -> Any:
    try:
        return function(*arguments)
    except (Exception, SystemExit) as error:
        failed = failed_call(error, name)
        if failed is error:
            raise
        if device == "cpu":
            raise failed from error
        said = f"`{name}` works on the CPU, but for an argument on {device} it raised"
        why = f"is what it makes by itself made on {device}, too?"
        what = str(failed).partition(" raised ")[2]
        raise CheckFailed(f"{said} {what} ({why})", redacted=f"{said} {type(error).__name__}: {why}") from error


def _device(device: Any) -> str:
    if not is_a(device, str) or device not in ("cpu", "meta", "cuda"):
        raise CheckFailed(
            f"`devices` should hold names such as 'cpu', as the first cell set it, but it holds {describe(device)}"
        )
    return str(device)


def _shown(given: Any) -> str:
    return repr(given) if type(given) in (int, str, tuple, torch.Size, torch.dtype, torch.device) else describe(given)


def _instead(key: str, given: Any, tensor: torch.Tensor) -> str:
    """What a wrong fact is of the same tensor, where it is one."""
    if is_tensor(given):
        return ": it should be a plain value"
    rows = tensor.shape[0] if tensor.dim() else None
    if key in ("dims", "elements") and type(given) is int and given == rows:
        return ": that is how many rows it has"
    if key == "elements" and type(given) is int and tensor.dim() > 2 and given == tensor.shape[0] * tensor.shape[1]:
        return ": it has more than two dimensions"
    return ""
