"""Values of every kind that a student may give where something else was asked for."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from graders.failure import CheckFailed


class Liar(torch.Tensor):
    """A tensor that says of itself whatever is asked."""

    @property
    def shape(self) -> Any:  # type: ignore[override]
        return (2, 2)

    def __eq__(self, other: object) -> Any:
        return True

    __hash__ = torch.Tensor.__hash__


class Rude:
    """An object that raises whenever it is looked at."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("leave me alone")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("leave me alone")

    def __repr__(self) -> str:
        raise RuntimeError("leave me alone")

    __hash__ = None  # type: ignore[assignment]


def _nested() -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a prototype
        return torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])


def odd_values() -> list[Any]:
    """None, plain values, arrays, functions, objects, and tensors of unusual kinds; some of them look right."""
    return [
        None,
        [],
        [1.0, "two"],
        (1, (2, 3)),
        "float32",
        7,
        float("nan"),
        True,
        {"a": None},
        np.ones((2, 2)),
        np.array(["a"]),
        len,
        Rude,
        Rude(),
        torch.tensor(float("nan")),
        torch.empty(0),
        torch.ones(2, 2, device="meta"),
        torch.ones(2, 2).to_sparse(),
        torch.ones(2, 2, dtype=torch.complex64),
        torch.tensor([[True, False]]),
        _nested(),
        torch.ones(3).as_subclass(Liar),
        torch.float32,
        torch.ones(2, 2, requires_grad=True),
    ]


def count_refused(check: Callable[[Any], Any]) -> int:
    """Give each odd value to a check; how many it refused, in words. Anything raised but CheckFailed goes on."""
    return sum(_refused(check, value) for value in odd_values())


def _refused(check: Callable[[Any], Any], value: Any) -> bool:
    try:
        check(value)
    except CheckFailed as failed:
        return bool(str(failed)) and bool(failed.redacted)
    return False
