"""Demand a module: its parameters, the shapes it takes and gives, and what it computes from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from graders.answers import as_tensor, call
from graders.compare import compare_values
from graders.dims import Dims, Shape
from graders.failure import CheckFailed, should_be

#: What a check takes for a module's parameters: shapes by name, shapes in any order, or how many numbers there are.
Parameters = Mapping[str, Shape | None] | Sequence[Shape] | int


def check_module(
    module: Any,
    name: str,
    *,
    parameters: Parameters | None = None,
    input_shape: Sequence[int] | None = None,
    output_shape: Shape | None = None,
    reference: Callable[..., Any] | torch.nn.Module | None = None,
    seed: int = 0,
    rtol: float | None = None,
    atol: float | None = None,
) -> None:
    """Demand that ``module`` is an ``nn.Module`` (one that is made, not its class) with these properties.

    Args:
        parameters: shapes by name; shapes in any order, whatever their names; or the number of learnable numbers.
        input_shape: of a float32 input that it must take.
        output_shape: of what it gives for that.
        reference: what it must compute: a function of the input and a dict of the module's own parameters by name, or
            an ``nn.Module`` with parameters of the same names or, in order, the same shapes, which gets their values.
        seed: makes the same inputs each time.
        rtol, atol: how close; by default as ``torch.testing.assert_close`` for the dtype.

    Raises:
        CheckFailed: it is no module, or has other properties.

    >>> check_module(torch.nn.Linear(3, 1), "model", parameters={"weight": (1, 3), "bias": (1,)}, input_shape=(5, 3),
    ...              output_shape=(5, 1), reference=lambda x, p: x @ p["weight"].T + p["bias"])
    >>> check_module(torch.nn.Linear(3, 1, bias=False), "model", parameters={"weight": (1, 3), "bias": (1,)})
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `model` lacks the parameter `bias`: it has weight (1, 3)
    """
    found = parameters_of(module, name)
    if parameters is not None:
        _demand_parameters(found, parameters, name)
    if input_shape is None:
        return
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(tuple(input_shape), generator=generator)
    result = as_tensor(call(module, [x.clone()], name), f"{name}(x)")
    if output_shape is not None:
        problem = Dims().problem(output_shape, tuple(result.shape))
        if problem:
            raise CheckFailed(f"`{name}(x)` {problem} for an input of shape {tuple(input_shape)}")
    if reference is not None:
        expected = _expected(reference, found, x)
        compare_values(result, expected, f"{name}(x)", rtol=rtol, atol=atol, inputs={"x": x, **found})


def parameters_of(module: Any, name: str) -> dict[str, torch.Tensor]:
    """A module's parameters by name.

    Raises:
        CheckFailed: it is no module.

    >>> list(parameters_of(torch.nn.Linear(1, 1), "model"))
    ['weight', 'bias']
    """
    if _is_module_class(module):
        raise CheckFailed(f"`{name}` is a class: make a module of it, as in {name}()")
    if not is_module(module):
        raise should_be(f"`{name}`", "be an nn.Module", module)
    pairs = call(lambda: list(module.named_parameters()), [], f"{name}.named_parameters()")
    found: dict[str, torch.Tensor] = {}
    for pair in pairs:
        if type(pair) is not tuple or len(pair) != 2 or type(pair[0]) is not str:
            raise CheckFailed(f"`{name}.named_parameters()` should give names and parameters")
        found[pair[0]] = as_tensor(pair[1], f"{name}.{pair[0]}")
    return found


def is_module(value: object) -> bool:
    """Whether that is a module, by its true type, or, of an object in another process, by the one that it shows.

    >>> is_module(torch.nn.Linear(1, 1)), is_module(torch.nn.Linear)
    (True, False)
    """
    if issubclass(type(value), torch.nn.Module):
        return True
    try:
        return hasattr(type(value), "_remote_refuse") and isinstance(value, torch.nn.Module)
    except Exception:  # an object of the student's own may raise anything
        return False


def _is_module_class(value: object) -> bool:
    try:
        return isinstance(value, type) and (
            hasattr(type(value), "_remote_refuse") or issubclass(value, torch.nn.Module)
        )
    except Exception:
        return False


def _demand_parameters(found: Mapping[str, torch.Tensor], wanted: Parameters, name: str) -> None:
    has = ", ".join(f"{key} {tuple(tensor.shape)}" for key, tensor in found.items()) or "none"
    if isinstance(wanted, int):
        count = sum(tensor.numel() for tensor in found.values() if tensor.requires_grad)
        if count != wanted:
            raise CheckFailed(f"`{name}` has {count} learnable numbers, expected {wanted}: it has {has}")
        return
    dims = Dims()
    if isinstance(wanted, Mapping):
        for key, shape in wanted.items():
            if key not in found:
                raise CheckFailed(f"`{name}` lacks the parameter `{key}`: it has {has}")
            problem = "" if shape is None else dims.problem(shape, tuple(found[key].shape))
            if problem:
                raise CheckFailed(f"`{name}.{key}` {problem}")
        extra = [key for key in found if key not in wanted]
        if extra:
            raise CheckFailed(f"`{name}` has a parameter that nobody asked for: {', '.join(extra)}")
        return
    left = dict(found)
    for shape in wanted:
        match = next((key for key, tensor in left.items() if not dims.problem(shape, tuple(tensor.shape))), None)
        if match is None:
            raise CheckFailed(f"`{name}` lacks a parameter of shape {shape}: it has {has}")
        del left[match]
    if left:
        raise CheckFailed(f"`{name}` has more parameters than were asked for: it has {has}")


def _expected(
    reference: Callable[..., Any] | torch.nn.Module, found: Mapping[str, torch.Tensor], x: torch.Tensor
) -> torch.Tensor:
    values = {key: tensor.detach().clone() for key, tensor in found.items()}
    if not isinstance(reference, torch.nn.Module):
        return reference(x, values)  # type: ignore[no-any-return]
    own = dict(reference.named_parameters())
    if set(own) != set(values):
        values = dict(zip(own, values.values(), strict=False))
    return torch.func.functional_call(reference, values, (x,))  # type: ignore[no-any-return]
