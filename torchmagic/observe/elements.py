"""The elements of a tensor of any kind as a plain dense tensor to read, or the reason why there are none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.parameter import UninitializedTensorMixin  # type: ignore[attr-defined]

_COMPRESSED = (torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc)
_SUB_BYTE = "torch cannot read elements of dtype "
WHOLE_BATCH = "the whole batch"
_BASE: Any = torch._C.TensorBase


@dataclass(frozen=True, slots=True)
class Elements:
    """What can be read of a tensor.

    Attributes:
        data: a plain, strided, detached tensor; None where there is nothing to read.
        of: what ``data`` holds where it is not just the tensor's elements (``"stored elements"``), or "".
        trouble: why there is nothing to read, or "".
    """

    data: torch.Tensor | None
    of: str = ""
    trouble: str = ""


def elements_of(tensor: Any) -> Elements:
    """What can be read of a tensor; to be called within :class:`~torchmagic.observe.quiet.Quiet`.

    No code of a subclass of the user's runs. Torch's own subclasses are asked for the tensor that they hold.

    >>> elements_of(torch.empty(3, device="meta")).trouble
    'has a shape and a dtype, but no elements'
    """
    if issubclass(type(tensor), UninitializedTensorMixin):
        return Elements(None, trouble="not initialised yet: its shape comes with the first input")
    if torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        return _unwrapped(tensor)
    kind = type(tensor)
    if kind is torch.Tensor or kind is torch.nn.Parameter:
        return _plain(tensor)
    if kind.__module__.startswith("torch."):
        return _torchs_own(tensor, kind.__name__)
    if is_dispatched(kind):
        with torch._C._DisableTorchDispatch():
            if _no_memory(tensor):
                return Elements(None, trouble=f"{kind.__name__} keeps its elements to itself")
            return _plain(_BASE.detach(tensor).as_subclass(torch.Tensor))
    return _plain(_BASE.detach(tensor).as_subclass(torch.Tensor))


def is_dispatched(kind: type) -> bool:
    """Whether a subclass brings its own ``__torch_dispatch__``, which would run if its elements were read.

    >>> is_dispatched(torch.Tensor), is_dispatched(torch.nn.Parameter)
    (False, False)
    """
    for base in kind.__mro__:
        if base is torch.Tensor:
            return False
        if "__torch_dispatch__" in vars(base):
            return vars(base)["__torch_dispatch__"] is not torch._C._disabled_torch_dispatch_impl
    return False


def _unwrapped(tensor: Any) -> Elements:
    """What a wrapper of ``torch.func`` stands for; the whole batch within ``vmap``."""
    functorch = torch._C._functorch
    batched = False
    while functorch.is_functorch_wrapped_tensor(tensor):
        batched = batched or functorch.is_batchedtensor(tensor)
        if functorch.is_functionaltensor(tensor):
            return Elements(None, trouble="stands for a value within functionalize")
        tensor = functorch.get_unwrapped(tensor)
    found = elements_of(tensor)
    return Elements(found.data, WHOLE_BATCH if batched else found.of, found.trouble)


def _torchs_own(tensor: Any, kind: str) -> Elements:
    if "FakeTensor" in kind:
        return Elements(None, trouble="has a shape and a dtype, but no elements")
    state: dict[str, Any] = getattr(tensor, "__dict__", {})
    if "_masked_data" in state and "_masked_mask" in state:
        return Elements(_plain(state["_masked_data"]).data[state["_masked_mask"]], "elements that are not masked")  # type: ignore[index]
    if kind == "DTensor":
        local = elements_of(tensor._local_tensor)
        return Elements(local.data, "this process's part", local.trouble)
    if _BASE.is_nested.__get__(tensor):
        return _plain(_BASE.detach(tensor).values())
    if kind == "FunctionalTensor":
        return Elements(None, trouble="stands for a value within functionalize")
    if is_dispatched(type(tensor)) and _no_memory(tensor):
        return Elements(None, trouble=f"{kind} keeps its elements to itself")
    return _plain(_BASE.detach(tensor).as_subclass(torch.Tensor))


def _plain(tensor: Any) -> Elements:
    """Of a tensor whose class is torch's own ``Tensor``."""
    if tensor.is_meta:
        return Elements(None, trouble="has a shape and a dtype, but no elements")
    if torch._is_functional_tensor(tensor):
        return Elements(None, trouble="stands for a value within functionalize")
    tensor = _BASE.detach(tensor)
    layout = tensor.layout
    if layout is not torch.strided:
        return _of_layout(tensor, layout)
    if tensor.is_nested:
        return Elements(tensor.values().detach())
    if tensor.is_quantized:
        return Elements(tensor.dequantize(), "dequantized elements")
    if _no_memory(tensor):
        return Elements(None, trouble="its memory was freed")
    if tensor.is_conj() or tensor.is_neg():
        return Elements(_resolved(tensor))
    return Elements(tensor) if _can_be_read(tensor.dtype) else _unreadable(tensor.dtype)


def _resolved(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.resolve_conj().resolve_neg()


def _of_layout(tensor: Any, layout: Any) -> Elements:
    if layout is torch.sparse_coo:
        values = (tensor if tensor.is_coalesced() else tensor.coalesce())._values()
        return Elements(_resolved(values), "stored elements")
    if layout in _COMPRESSED:
        return Elements(_resolved(tensor.values()), "stored elements")
    if layout is torch.jagged:
        return Elements(tensor.values().detach())
    return Elements(tensor.to_dense())


def _no_memory(tensor: Any) -> bool:
    """Whether a strided tensor has elements but no memory that holds them all: reading them could crash."""
    if not _BASE.numel(tensor):
        return False
    try:
        storage = _BASE.untyped_storage(tensor)
        sizes, strides = _BASE.size(tensor), _BASE.stride(tensor)
        last = sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
        end = (_BASE.storage_offset(tensor) + last + 1) * _BASE.element_size(tensor)
        return storage.nbytes() < end or (_BASE.data_ptr(tensor) == 0 and _on_known_device(tensor))
    except (RuntimeError, NotImplementedError):  # lazy and other storage-less back ends have no pointer
        return _on_known_device(tensor)


def _on_known_device(tensor: Any) -> bool:
    return tensor.device.type in ("cpu", "cuda")


def parts_to_show(tensor: Any, data: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """What the text of a small tensor is made of: its elements, or a nested one's parts; nothing where that misleads.

    Args:
        tensor: the tensor.
        data: what :func:`elements_of` read of it.

    >>> parts_to_show(x := torch.eye(2).to_sparse(), elements_of(x).data)[0].tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    if (
        type(tensor) in (torch.Tensor, torch.nn.Parameter)
        and not tensor.is_nested
        and tensor.layout is not torch.strided
    ):
        return (_resolved(_BASE.detach(tensor).to_dense()),)
    if type(tensor).__module__.startswith("torch") and _BASE.is_nested.__get__(tensor):
        return tuple(part.detach() for part in tensor.unbind())
    return (data,) if data.shape == _BASE.shape.__get__(tensor) else ()


_READABLE: dict[torch.dtype, bool] = {}


def _can_be_read(dtype: torch.dtype) -> bool:
    """Whether torch can convert elements of the dtype: those of fewer than 8 bits are stubs in most versions."""
    known = _READABLE.get(dtype)
    if known is None:
        wide = torch.complex64 if dtype.is_complex else torch.float64
        known = _READABLE[dtype] = _works(lambda: torch.empty(1, dtype=dtype, device="cpu").to(wide))
    return known


def _works(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except (RuntimeError, NotImplementedError, TypeError):
        return False
    return True


def _unreadable(dtype: torch.dtype) -> Elements:
    return Elements(None, trouble=f"{_SUB_BYTE}{str(dtype).removeprefix('torch.')}")
