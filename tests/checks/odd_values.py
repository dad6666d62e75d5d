"""Values of every kind that a student may have where something else is asked."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from graders.failure import CheckFailed


class RaisesInEverything:
    """Raises whatever is asked of it."""

    def _no(self, *args: object, **kwargs: object) -> Any:
        raise RuntimeError("no")

    __getattr__ = __eq__ = __len__ = __iter__ = __bool__ = __repr__ = __str__ = __float__ = __int__ = _no  # type: ignore[assignment]
    __getitem__ = __call__ = __add__ = __sub__ = __mul__ = __array__ = __index__ = __contains__ = __dir__ = _no
    __hash__ = _no  # type: ignore[assignment]
    __instancecheck__ = __format__ = __lt__ = __radd__ = __rsub__ = __abs__ = __neg__ = __next__ = _no  # type: ignore[assignment]

    @property
    def __class__(self) -> Any:
        raise RuntimeError("no")

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no")


class SaysItIsATensor:
    """Lies about its class."""

    shape = (2,)
    dtype = torch.float32

    @property
    def __class__(self) -> Any:
        return torch.Tensor


class SaysItIsAModule:
    @property
    def __class__(self) -> Any:
        return torch.nn.Linear


class EqualToAll(torch.Tensor):
    """A tensor subclass that finds everything right."""

    @classmethod
    def __torch_function__(cls, *args: object, **kwargs: object) -> Any:
        return True


class LiesAboutItsShape(torch.Tensor):
    """A tensor subclass that has the shape that it likes to have."""

    @property
    def shape(self) -> Any:  # type: ignore[override]
        return (2, 2)


class BrokenTensor(torch.Tensor):
    """A tensor subclass whose methods all fail."""

    def _no(self, *args: object, **kwargs: object) -> Any:
        raise RuntimeError("no")

    detach = clone = to = double = cpu = numel = dim = size = item = tolist = reshape = __eq__ = __repr__ = _no  # type: ignore[assignment]
    __getitem__ = __iter__ = __len__ = __bool__ = __float__ = isnan = all = any = sum = as_subclass = backward = _no  # type: ignore[assignment]
    __hash__ = torch.Tensor.__hash__

    @property
    def shape(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no")

    @property
    def dtype(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no")

    @property
    def grad(self) -> Any:
        raise RuntimeError("no")

    @property
    def requires_grad(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no")

    @property
    def grad_fn(self) -> Any:
        raise RuntimeError("no")

    @classmethod
    def __torch_function__(cls, *args: object, **kwargs: object) -> Any:
        raise RuntimeError("no")


class LyingList(list):  # type: ignore[type-arg]
    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Any:
        raise RuntimeError("no")


class LyingFloat(float):
    def __float__(self) -> float:
        raise RuntimeError("no")

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = float.__hash__


class _Meta(type):
    def __getattribute__(cls, name: str) -> Any:
        if name in ("__name__", "__module__", "__qualname__"):
            raise RuntimeError("no")
        return super().__getattribute__(name)


class Nameless(metaclass=_Meta):
    pass


class HalfModule(torch.nn.Module):
    """Never called its base's __init__."""

    def __init__(self) -> None:
        pass


class LyingModule(torch.nn.Module):
    def named_parameters(self, *args: Any, **kwargs: Any) -> Any:
        return [("weight", 3), 4, None]

    def forward(self, x: Any) -> Any:
        return RaisesInEverything()


def _endless() -> Any:
    while True:
        yield 1.0


#: By name; made anew for each use.
ODD: dict[str, Any] = {
    "None": lambda: None,
    "list": lambda: [1.0, 2.0],
    "nested list": lambda: [[1.0], [2.0, 3.0]],
    "empty list": list,
    "list of odd things": lambda: [RaisesInEverything(), None, "x"],
    "lying list": lambda: LyingList([1.0]),
    "list of two kinds": lambda: [1.0, "two"],
    "tuple": lambda: (torch.ones(2),),
    "nested tuple": lambda: (1, (2, 3)),
    "dict of nothing": lambda: {"a": None},
    "dict": lambda: {"x": RaisesInEverything()},
    "set": lambda: {1, 2},
    "numpy": lambda: np.ones(7),
    "numpy objects": lambda: np.array([None, RaisesInEverything], dtype=object),
    "numpy strings": lambda: np.array(["a"]),
    "numpy scalar": lambda: np.float64("nan"),
    "string": lambda: "2.0",
    "name of a dtype": lambda: "float32",
    "dtype": lambda: torch.float32,
    "bytes": lambda: b"2",
    "int": lambda: 10**400,
    "float": lambda: float("nan"),
    "complex": lambda: 1j,
    "bool": lambda: True,
    "lying float": lambda: LyingFloat(2.0),
    "function": lambda: lambda *args, **kwargs: None,
    "function that raises": lambda: lambda *args, **kwargs: 1 / 0,
    "function that raises oddly": lambda: (
        RaisesInEverything().odd if False else (lambda *a, **k: (_ for _ in ()).throw(_Odd()))
    ),
    "function of nothing": lambda: lambda: torch.ones(2),
    "function that exits": lambda: lambda *args, **kwargs: exit(3),
    "gives odd": lambda: lambda *args, **kwargs: RaisesInEverything(),
    "gives broken tensor": lambda: lambda *args, **kwargs: torch.ones(2).as_subclass(BrokenTensor),
    "built-in function": lambda: len,
    "generator": _endless,
    "class": lambda: RaisesInEverything,
    "nameless": Nameless,
    "module class": lambda: torch.nn.Linear,
    "module": lambda: torch.nn.Linear(2, 7),
    "half a module": HalfModule,
    "lying module": LyingModule,
    "uninitialised module": lambda: torch.nn.LazyLinear(2),
    "raises": RaisesInEverything,
    "says it is a tensor": SaysItIsATensor,
    "says it is a module": SaysItIsAModule,
    "equal to all": lambda: torch.zeros(7).as_subclass(EqualToAll),
    "lies about its shape": lambda: torch.ones(3).as_subclass(LiesAboutItsShape),
    "broken tensor": lambda: torch.zeros(7).as_subclass(BrokenTensor),
    "broken parameter": lambda: torch.zeros(7, requires_grad=True).as_subclass(BrokenTensor),
    "wrong length": lambda: torch.zeros(7),
    "wrong length, learnt": lambda: torch.zeros(7, requires_grad=True),
    "scalar": lambda: torch.tensor(5.0),
    "NaN scalar": lambda: torch.tensor(float("nan")),
    "square, learnt": lambda: torch.ones(2, 2, requires_grad=True),
    "NaN": lambda: torch.full((2,), float("nan")),
    "NaN, learnt": lambda: torch.full((2,), float("nan"), requires_grad=True),
    "infinite": lambda: torch.full((2,), float("inf")),
    "empty": lambda: torch.zeros(0),
    "integers": lambda: torch.tensor([3, 4]),
    "truth": lambda: torch.tensor([True, False]),
    "complex tensor": lambda: torch.tensor([1j, 2j]),
    "meta": lambda: torch.zeros(2, device="meta"),
    "sparse": lambda: torch.tensor([0.0, 5.0]).to_sparse(),
    "csr": lambda: torch.tensor([[0.0, 5.0]]).to_sparse_csr(),
    "quantized": lambda: torch.quantize_per_tensor(torch.tensor([3.0, 4.0]), 0.5, 0, torch.qint8),
    "nested": lambda: torch.nested.nested_tensor([torch.ones(1), torch.ones(2)]),
    "float8": lambda: torch.tensor([3.0, 4.0]).to(torch.float8_e4m3fn),
    "half": lambda: torch.tensor([3.0, 4.0]).half(),
    "conjugate": lambda: torch.tensor([1j, 2j]).conj(),
    "expanded": lambda: torch.tensor(3.0).expand(2),
    "uninitialised": lambda: torch.nn.UninitializedParameter(),
    "used up": lambda: _used_up(),
    "inference": lambda: _inference(),
}


class _Odd(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


def _used_up() -> torch.Tensor:
    x = torch.ones(2, requires_grad=True)
    y = (x * x).exp()
    y.sum().backward()
    return y


def _inference() -> torch.Tensor:
    with torch.inference_mode():
        return torch.ones(2) * 3


def count_refused(check: Callable[[Any], Any]) -> int:
    """Give each odd value to a check; how many it refused, in words. Anything raised but CheckFailed goes on."""
    return sum(_refused(check, make) for make in ODD.values())


def _refused(check: Callable[[Any], Any], make: Callable[[], Any]) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of prototypes
        try:
            check(make())
        except CheckFailed as failed:
            return bool(str(failed)) and bool(failed.redacted)
    return False
