"""One tensor of each kind that torch has, and what its record must say: data for tests and for a figure of the bench."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn


def quiet(make: Callable[[], torch.Tensor]) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make()


def sparse(layout: torch.layout) -> torch.Tensor:
    return quiet(
        lambda: torch.eye(4).to_sparse(layout=layout, **({"blocksize": (2, 2)} if "bs" in str(layout) else {}))
    )


def nested(layout: torch.layout) -> torch.Tensor:
    return quiet(lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3) * 2], layout=layout))


def freed() -> torch.Tensor:
    tensor = torch.ones(5)
    tensor.untyped_storage().resize_(0)
    return tensor


def masked() -> torch.Tensor:
    from torch.masked import masked_tensor

    return quiet(lambda: masked_tensor(torch.tensor([1.0, 9.0, 3.0]), torch.tensor([True, False, True])))


def fake() -> torch.Tensor:
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        return torch.ones(2, 3)


def inference() -> torch.Tensor:
    with torch.inference_mode():
        return torch.ones(2)


class Ran(BaseException):
    """Code of the user's has run."""


class Subclass(torch.Tensor):
    @property
    def shape(self) -> Any:
        raise Ran

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise Ran

    def __len__(self) -> int:
        raise Ran

    def __repr__(self, **_: Any) -> str:
        raise Ran

    def tolist(self) -> Any:
        raise Ran


class Dispatched(torch.Tensor):
    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise Ran


class Wrapper(Dispatched):
    @staticmethod
    def __new__(cls, held: torch.Tensor) -> Any:
        return torch.Tensor._make_wrapper_subclass(cls, held.shape, dtype=held.dtype)  # type: ignore[attr-defined]


def hooked() -> torch.Tensor:
    tensor = torch.ones(2, requires_grad=True)
    tensor.register_hook(lambda grad: grad * 2)
    return tensor


def with_grad(grad: torch.Tensor) -> torch.Tensor:
    tensor = torch.zeros_like(grad.to_dense(), requires_grad=True)
    tensor.grad = grad
    return tensor


def low_bit(name: str) -> torch.Tensor:
    return torch.zeros(4, dtype=torch.uint8).view(getattr(torch, name))


_FLOATS = [
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "float8_e4m3fn",
    "float8_e5m2",
    "float8_e4m3fnuz",
    "float8_e5m2fnuz",
]
_INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
_STUBS = [
    n for n in ("int1", "int4", "uint1", "uint4", "bits8", "bits1x8", "bits16", "float4_e2m1fn_x2") if hasattr(torch, n)
]
_COMPRESSED = {"csr": torch.sparse_csr, "csc": torch.sparse_csc, "bsr": torch.sparse_bsr, "bsc": torch.sparse_bsc}
_ONES = {
    "shape": (3,),
    "minimum": 1.0,
    "maximum": 1.0,
    "mean": 1.0,
    "std": 0.0,
    "value_text": "[1, 1, 1]",
    "trouble": "",
}
_NONE = {"stats": None, "histogram": None, "picture": None, "value_text": None}

#: how to make it, and what its record must say: fields of the record, or of its statistics
KINDS: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "0-dim": (lambda: torch.tensor(1.5), {"shape": (), "value_text": "1.5", "std": None, "mean": 1.5, "strides": ()}),
    "empty": (lambda: torch.empty(0), {"shape": (0,), "count": 0, "mean": None, "nbytes": 0, "value_text": None}),
    "empty (0, 3)": (lambda: torch.empty(0, 3), {"shape": (0, 3), "minimum": None, "picture": None}),
    "one element": (lambda: torch.ones(1), {"count": 1, "std": None, "value_text": "[1]"}),
    "bool": (lambda: torch.tensor([True, False]), {"dtype": "bool", "mean": 0.5, "value_text": "[True, False]"}),
    "many bools": (lambda: torch.arange(40) < 10, {"mean": 0.25, "zeros": 30, "counts": (30, 10)}),
    **{name: (lambda name=name: torch.ones(3).to(getattr(torch, name)), {"dtype": name, **_ONES}) for name in _FLOATS + _INTEGERS},  # type: ignore[misc]
    **({"float8_e8m0fnu": (lambda: torch.tensor([1.0, 4.0]).to(torch.float8_e8m0fnu), {"maximum": 4.0, "nbytes": 2})} if hasattr(torch, "float8_e8m0fnu") else {}),
    **{name: (lambda name=name: low_bit(name), {"dtype": name, "trouble": f"torch cannot read elements of dtype {name}", **_NONE}) for name in _STUBS},  # type: ignore[misc]
    "complex32": (lambda: quiet(lambda: torch.tensor([3 + 4j]).to(torch.complex32)), {"dtype": "complex32", "mean": 5.0, "of": "magnitudes"}),
    "complex64": (lambda: torch.tensor([3 + 4j, 0]), {"value_text": "[3+4j, 0+0j]", "zeros": 1, "maximum": 5.0}),
    "complex128": (lambda: torch.full((30,), 3 + 4j, dtype=torch.complex128), {"mean": 5.0, "nbytes": 480, "picture": None}),
    "conj view": (lambda: torch.tensor([1 + 2j]).conj(), {"value_text": "[1-2j]"}),
    "neg view": (lambda: torch.tensor([1 + 2j]).conj().imag, {"value_text": "[-2]", "is_view": True}),
    "expanded": (lambda: torch.ones(1).expand(10**9), {"count": 10**9, "mean": 1.0, "strides": (0,), "std": 0.0}),
    "sliced": (lambda: torch.arange(100.0).view(10, 10)[::3, 1:], {"shape": (4, 9), "contiguous": False, "is_view": True, "strides": (30, 1), "maximum": 99.0}),
    "transposed": (lambda: torch.zeros(2, 3).T, {"strides": (1, 3), "contiguous": False, "zeros": 6}),
    "huge strides": (lambda: torch.arange(1000.0).as_strided((2, 2), (900, 50)), {"value_text": "[[0, 50], [900, 950]]"}),
    "overlapping": (lambda: torch.arange(40.0).as_strided((20, 20), (1, 1)), {"count": 400, "mean": 19.0, "maximum": 38.0}),
    "10-dim": (lambda: torch.ones((2,) * 10), {"shape": (2,) * 10, "count": 1024, "picture": None, "histogram": None}),
    "quantized": (lambda: quiet(lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)), {"dtype": "qint8", "mean": pytest.approx(1.0), "of": "dequantized elements"}),
    "quantized per channel": (lambda: quiet(lambda: torch.quantize_per_channel(torch.ones(2, 2), torch.tensor([0.1, 0.5]), torch.tensor([0, 0]), 0, torch.quint8)), {"shape": (2, 2), "value_text": "[[1, 1], [1, 1]]"}),
    "sparse coo": (lambda: sparse(torch.sparse_coo), {"layout": "sparse_coo", "shape": (4, 4), "of": "stored elements", "count": 4, "strides": None, "contiguous": None, "nbytes": 2 * 4 * 8 + 4 * 4}),
    "uncoalesced": (lambda: torch.sparse_coo_tensor([[0, 0]], [1.0, 2.0], (3,), check_invariants=False), {"value_text": "[3, 0, 0]", "mean": 3.0, "count": 1}),
    **{f"sparse {name}": (lambda layout=layout: sparse(layout), {"layout": f"sparse_{name}", "mean": (1.0 if name[0] == "c" else 0.5), "of": "stored elements"}) for name, layout in _COMPRESSED.items()},  # type: ignore[misc]
    "mkldnn": (lambda: torch.ones(3).to_mkldnn(), {"layout": "_mkldnn", "shape": (3,), "mean": 1.0, "strides": None}),
    "nested strided": (lambda: nested(torch.strided), {"shape": (2, -1), "count": 5, "mean": 8 / 5, "value_text": "[[1, 1], [2, 2, 2]]"}),
    "nested jagged": (lambda: nested(torch.jagged), {"shape": (2, -1), "count": 5, "mean": 8 / 5, "kind": "NestedTensor", "value_text": "[[1, 1], [2, 2, 2]]"}),
    "no parts at all": (lambda: quiet(lambda: torch.nested.nested_tensor([])), {"shape": (0,), "trouble": ""}),
    "many zeros, sparse": (lambda: quiet(lambda: torch.eye(400).to_sparse()), {"value_text": None, "count": 400, "picture": None, "trouble": ""}),
    "meta": (lambda: torch.empty(3, 4, device="meta"), {"device": "meta", "trouble": "has a shape and a dtype, but no elements", "nbytes": 48, **_NONE}),
    "fake": (fake, {"shape": (2, 3), "trouble": "has a shape and a dtype, but no elements", **_NONE}),
    "subclass": (lambda: torch.ones(3).as_subclass(Subclass), {"kind": "Subclass", **_ONES}),
    "dispatching subclass": (lambda: torch.ones(3).as_subclass(Dispatched), {"kind": "Dispatched", **_ONES}),
    "wrapper subclass": (lambda: Wrapper(torch.ones(3)), {"shape": (3,), "trouble": "Wrapper keeps its elements to itself", **_NONE}),
    "masked": (masked, {"kind": "MaskedTensor", "maximum": 3.0, "of": "elements that are not masked", "value_text": None}),
    "parameter": (lambda: nn.Parameter(torch.ones(3)), {"kind": "Parameter", "requires_grad": True, "is_leaf": True, **_ONES}),
    "buffer": (lambda: nn.Buffer(torch.ones(3)), _ONES),
    "uninitialized parameter": (lambda: nn.UninitializedParameter(), {"kind": "UninitializedParameter", "nbytes": None, **_NONE}),
    "uninitialized buffer": (lambda: nn.UninitializedBuffer(), {"kind": "UninitializedBuffer", "shape": (), **_NONE}),
    "inference": (inference, {"version": None, "value_text": "[1, 1]"}),
    "computed": (lambda: torch.ones(3, requires_grad=True) * 1, {"is_leaf": False, "grad_fn": "MulBackward0", **_ONES}),
    "hooked": (hooked, {"requires_grad": True, "value_text": "[1, 1]"}),
    "with a gradient": (lambda: with_grad(torch.tensor([3.0, -4.0])), {"grad": "[3, -4]", "grad_norm": 5.0}),
    "with a large gradient": (lambda: with_grad(torch.full((400,), 0.5)), {"grad": "(400,) float32", "grad_norm": 10.0}),
    "with an enormous gradient": (lambda: with_grad(torch.full((4,), 1e30)), {"grad_norm": pytest.approx(2e30)}),
    "with a sparse gradient": (lambda: with_grad(torch.tensor([0.0, 5.0]).to_sparse()), {"grad_norm": 5.0}),
    "changed in place": (lambda: torch.zeros(3).add_(1).mul_(1), {"version": 2, **_ONES}),
    "all NaN": (lambda: torch.full((30,), math.nan), {"nans": 30, "mean": None, "minimum": None, "histogram": None, "picture": None}),
    "all inf": (lambda: torch.full((6, 5), -math.inf), {"infs": 30, "mean": None, "std": None, "histogram": None}),
    "NaN among numbers": (lambda: torch.tensor([1.0, math.nan, 3.0]), {"nans": 1, "mean": 2.0, "value_text": "[1, nan, 3]"}),
    "shared memory": (lambda: torch.ones(3).share_memory_(), _ONES),
    "freed": (freed, {"shape": (5,), "trouble": "its memory was freed", **_NONE}),
    "lying about its size": (lambda: torch.ones(3)[:0].as_strided((3,), (1,)), _ONES),
}  # fmt: skip
