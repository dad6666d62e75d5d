"""Stand-ins: tensors that have everything of a user's tensor but its elements and its device.

An operation on stand-ins touches nothing of the user's and fails for the same shapes and dtypes. Small ones are
of ones and zeros in memory. Large ones are on the meta device, where nothing is computed; the first such operation
makes torch import its compiler (a second or two), and some look at dtypes only where they compute. What a stand-in
cannot tell, the device, is kept beside it.
"""

from __future__ import annotations

import contextlib
import copy
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import torch
from torch import nn
from torch.utils._device import _device_constructors
from torch.utils._python_dispatch import _disable_current_modes

from torchmagic.observe.errors.limits import Unknown, demand_little_work, is_about_elements, tensors_in
from torchmagic.observe.values import wrapped

_LinAlgError: type[Exception] = getattr(torch.linalg, "LinAlgError")  # noqa: B009  its stubs lack it
_PLAIN = (torch.Tensor, nn.Parameter, getattr(nn, "Buffer", nn.Parameter))
_MOST_ELEMENTS = 2_000_000
_MOVES = frozenset({"to", "cuda", "cpu", "type", "new_tensor", "type_as", "xpu", "copy_"})
_ANY_DEVICE = frozenset({"getitem", "setitem", "index_put_", "index_put", "device", "shape"})


class Standins:
    """Makes stand-ins and runs torch's own functions on them.

    Args:
        where: "cpu" or "meta".

    >>> standins = Standins()
    >>> result = standins.apply(torch.matmul, (torch.ones(2, 3), torch.ones(3, 4)))
    >>> tuple(result.shape), standins.device(result)
    ((2, 4), 'cpu')
    """

    def __init__(self, where: str = "cpu") -> None:
        self._where = where
        self._devices: dict[int, tuple[torch.Tensor, str]] = {}

    def device(self, tensor: torch.Tensor) -> str:
        """Where the tensor is, or would be."""
        known = self._devices.get(id(tensor))
        return known[1] if known is not None else str(tensor.device)

    def made(self, value: object) -> bool:
        """Whether ``value`` is a stand-in and not a tensor of the user's."""
        return id(value) in self._devices

    def apply(self, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any] | None = None) -> Any:
        """The result of a function of torch's on stand-ins of its arguments.

        Raises:
            Unknown: it cannot be told without the elements.
            Exception: what the function raises.
        """
        kwargs = dict(kwargs or {})
        name = getattr(function, "__name__", type(function).__name__)
        target = self._target_device(function, name, args, kwargs)
        memo: dict[int, Any] = {}
        given = [self._stand_in(arg, memo) for arg in args]
        named = {key: self._stand_in(value, memo) for key, value in kwargs.items()}
        if name not in _MOVES | _ANY_DEVICE:
            self._demand_one_device(given, named.values())
        if issubclass(type(function), nn.Module):
            function = self._stand_in_module(cast("nn.Module", function), memo)
            self._demand_one_device([*given, *function.parameters()], named.values())
        self._put_device(function, name, given, named)
        if self._where == "cpu":
            demand_little_work(function, name, given, named)
        with quiet():
            try:
                result = function(*given, **named)
            except (NotImplementedError, AssertionError) as error:
                text = str(error)
                raise Unknown(text) if "meta" in text.lower() or not text else error from None
            except (ZeroDivisionError, _LinAlgError):
                raise Unknown("it depends on the elements") from None
            except RuntimeError as error:
                raise Unknown(str(error)) if is_about_elements(str(error)) else error from None
        if name in _MOVES and any(result is each for each in given):
            result = result.clone()  # it was moved from one device to another, and both are stand-ins on meta
        if target is None:
            target = next((self.device(each) for each in tensors_in([*given, *named.values()])), "cpu")
        self._remember(result, target)
        return result

    def of_shape(self, shape: Sequence[int], dtype: torch.dtype, device: str) -> torch.Tensor:
        """A stand-in for a tensor of which no more than this is known."""
        if self._where == "cpu" and math.prod(shape) > _MOST_ELEMENTS:
            raise Unknown("a large tensor")
        tensor = torch.zeros(tuple(shape), dtype=dtype, device=self._where)
        self._devices[id(tensor)] = (tensor, device)
        return tensor

    # -- making ---------------------------------------------------------------------------------------------

    def _stand_in(self, value: Any, memo: dict[int, Any]) -> Any:
        kind = type(value)
        if issubclass(kind, torch.Tensor):
            return self._of_tensor(value, memo)
        if kind in (list, tuple):
            return kind(self._stand_in(item, memo) for item in value)
        if kind is dict:
            return {key: self._stand_in(item, memo) for key, item in value.items()}
        if kind is slice:
            return slice(*(self._stand_in(part, memo) for part in (value.start, value.stop, value.step)))
        return value

    def _of_tensor(self, tensor: Any, memo: dict[int, Any]) -> torch.Tensor:
        if self.made(tensor):
            return tensor  # type: ignore[no-any-return]
        if id(tensor) not in memo:
            if not plain(tensor):
                raise Unknown("a tensor of another kind")
            original, tensor = tensor, as_plain(tensor)
            with quiet():
                memo[id(original)] = copied = self._copy_of(tensor)
            self._devices[id(copied)] = (copied, str(tensor.device))
            return copied  # type: ignore[no-any-return]
        return memo[id(tensor)]  # type: ignore[no-any-return]

    def _copy_of(self, tensor: Any) -> Any:
        if self._where == "cpu" and tensor.numel() > _MOST_ELEMENTS:
            raise Unknown("a large tensor")
        made = torch.empty_strided(tensor.size(), tensor.stride(), dtype=tensor.dtype, device=self._where)
        if self._where != "meta":
            cast("Any", made.untyped_storage()).fill_(0)
            if made.dtype.is_floating_point and made.dtype.itemsize > 1:
                made.fill_(1) if made.is_contiguous() else None
        if not tensor.requires_grad:
            return made
        if issubclass(type(tensor), nn.Parameter):
            return nn.Parameter(made)
        made.requires_grad_()
        if tensor.is_leaf:
            return made
        copied = made.clone()
        return copied if copied.stride() == made.stride() else made * 1

    def _stand_in_module(self, module: nn.Module, memo: dict[int, Any]) -> nn.Module:
        """A module of torch's own with stand-ins for its parameters and without the user's hooks."""
        if id(module) in memo:
            return memo[id(module)]  # type: ignore[no-any-return]
        if not is_torch_module(module):
            raise Unknown("a module of the user's")
        memo[id(module)] = made = object.__new__(type(module))
        state = made.__dict__
        for key, value in module.__dict__.items():
            state[key] = type(value)() if key.endswith(("_hooks", "_hooks_with_kwargs")) else copy.copy(value)
        for store in ("_parameters", "_buffers"):
            state[store] = {key: self._stand_in(value, memo) for key, value in module.__dict__[store].items()}
        children = module.__dict__["_modules"]
        state["_modules"] = {k: None if m is None else self._stand_in_module(m, memo) for k, m in children.items()}
        if "_flat_weights" in state:
            state["_flat_weights"] = [self._stand_in(value, memo) for value in module.__dict__["_flat_weights"]]
            state["_flat_weight_refs"] = [None] * len(state["_flat_weights"])
        return made

    # -- devices --------------------------------------------------------------------------------------------

    def _target_device(self, function: Any, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> str | None:
        """The device that the call asks for, taken out of its arguments by :meth:`_put_device`."""
        if name in ("cuda", "cpu", "xpu") and args:
            return name
        if "device" in kwargs and kwargs["device"] is not None:
            return str(kwargs["device"])
        if name == "to":
            for arg in args[1:]:
                if isinstance(arg, (str, torch.device)):
                    return str(arg)
                if issubclass(type(arg), torch.Tensor):
                    return self.device(arg)
        if name in ("type_as", "copy_") and len(args) > 1 and isinstance(args[1], torch.Tensor):
            return self.device(args[1 if name == "type_as" else 0])
        return str(torch.get_default_device()) if function in _device_constructors() else None

    def _put_device(self, function: Any, name: str, given: list[Any], named: dict[str, Any]) -> None:
        if function in _device_constructors() or "device" in named or _makes_parameters(function):
            named["device"] = self._where
        if name == "to":
            given[:] = [self._where if isinstance(each, (str, torch.device)) else each for each in given]
        if name in ("cuda", "cpu", "xpu"):
            del given[1:]

    def _demand_one_device(self, given: Sequence[Any], named: Any) -> None:
        found = {self.device(each) for each in tensors_in([*given, *named]) if each.dim()}
        if len(found) > 1:
            raise RuntimeError(f"Expected all tensors to be on the same device, but found {', '.join(sorted(found))}")

    def _remember(self, result: Any, device: str) -> None:
        for tensor in tensors_in([result]):
            if id(tensor) not in self._devices:
                self._devices[id(tensor)] = (tensor, device)


def plain(tensor: Any) -> bool:
    """Whether a tensor is strided and ordinary: a stand-in behaves as it does."""
    handler = getattr(type(tensor).__torch_function__, "__func__", None)
    if handler is not getattr(torch.Tensor.__torch_function__, "__func__", None) and type(tensor) not in _PLAIN:
        return False
    try:
        with torch.no_grad(), torch._C.DisableTorchFunctionSubclass():
            if type(tensor) not in _PLAIN:
                tensor = torch.Tensor.as_subclass(tensor, torch.Tensor)
            return (
                tensor.layout is torch.strided
                and not tensor.is_quantized
                and not tensor.is_nested
                and not wrapped(tensor)
                and not isinstance(tensor, nn.parameter.UninitializedTensorMixin)  # type: ignore[attr-defined]
            )
    except Exception:  # exotic kinds refuse any of these
        return False


def as_plain(value: Any) -> Any:
    """The value; a tensor of a user's subclass as a plain tensor on the same memory, since its class may hold code.

    >>> class Mine(torch.Tensor):
    ...     shape = property(lambda self: 1 / 0)
    >>> tuple(as_plain(torch.ones(2).as_subclass(Mine)).shape)
    (2,)
    """
    if type(value) in _PLAIN or not issubclass(type(value), torch.Tensor) or not plain(value):
        return value
    with torch.no_grad(), torch._C.DisableTorchFunctionSubclass():
        alias = torch.Tensor.detach(torch.Tensor.as_subclass(value, torch.Tensor))
        if cast("Any", torch.Tensor.requires_grad).__get__(value):
            alias.requires_grad_()
    return alias


def is_torch_module(value: object) -> bool:
    """Whether ``value`` is a module whose class is torch's own.

    >>> is_torch_module(nn.Linear(1, 1)), is_torch_module(torch)
    (True, False)
    """
    return issubclass(type(value), nn.Module) and type(value).__module__.startswith("torch.nn.modules.")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Run without the user's modes, warnings or random numbers taking part."""
    state = torch.get_rng_state()
    try:
        with (
            warnings.catch_warnings(),
            torch.inference_mode(False),
            torch.enable_grad(),
            torch._C.DisableTorchFunction(),
            _disable_current_modes(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_rng_state(state)


def _makes_parameters(function: Any) -> bool:
    if not (issubclass(type(function), type) and issubclass(function, nn.Module)):
        return False
    code = getattr(function.__init__, "__code__", None)
    return code is not None and "device" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
