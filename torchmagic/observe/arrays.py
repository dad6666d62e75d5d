"""Arrays of NumPy, JAX and TensorFlow, recognised without importing any of them."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import torch

from torchmagic.observe.histograms import histogram_of
from torchmagic.observe.pictures import launch_picture
from torchmagic.observe.pieces import CHUNK, Reader
from torchmagic.observe.statistics import Moments, summarize
from torchmagic.observe.transfer import Reading, ready
from torchmagic.observe.values import SHOWN, first_line, items_text
from torchmagic.records import Histogram, Stats

_Fields = dict[str, Any]
_OF_ML_DTYPES = ("bfloat", "float", "int", "uint")  # what JAX and TensorFlow add to NumPy's own
_SMALL_COPY = 1 << 20
_MOST_BYTES = 1 << 26
"""An array of another library that lives on a device is copied from there when it is no larger."""

_NATIVE = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32")
_NATIVE_DTYPES = frozenset((*_NATIVE, "float64", "complex64", "complex128"))


def is_array(value: object) -> bool:
    """Whether ``value`` is an array of NumPy, JAX or TensorFlow.

    >>> is_array([1, 2])
    False
    """
    return _library(value) != ""


def _library(value: object) -> str:
    kind = type(value)
    numpy = sys.modules.get("numpy")
    if numpy is not None and issubclass(kind, numpy.ndarray):
        return "numpy"
    root = kind.__module__.partition(".")[0]
    if root in ("jax", "jaxlib") and "jax" in sys.modules:
        array = getattr(sys.modules["jax"], "Array", None)
        return "jax" if array is not None and isinstance(value, array) else ""
    if root == "tensorflow" and "tensorflow" in sys.modules:
        tensorflow = sys.modules["tensorflow"]
        kinds = tuple(filter(None, (getattr(tensorflow, name, None) for name in ("Tensor", "Variable"))))
        return "tensorflow" if kinds and isinstance(value, kinds) else ""
    return ""


def launch_array(value: Any, fields: _Fields, stats: bool, plot: bool) -> tuple[_Fields, list[Reading[_Fields]]]:
    """An array's facts, and the readings of its elements, as for a tensor."""
    troubles: list[str] = []
    library = _library(value)
    array = None
    try:
        if library == "numpy":
            array = _numpy_facts(value, fields)
        else:
            array = _foreign_facts(value, fields, _jax_facts if library == "jax" else _tensorflow_facts)
            if array is None and "trouble" not in fields:
                troubles.append("stands for a value that is not computed yet")
    except Exception as error:  # what another library raises is not for us to know
        troubles.append(f"not all facts: {first_line(error)}")
    readings: list[Reading[_Fields]] = []
    if array is not None:
        try:
            readings = _launch_elements(array, fields, stats, plot)
        except Exception as error:
            troubles.append(f"no elements: {first_line(error)}")
    for key, value_ in (("kind", type(value).__name__), ("shape", ()), ("dtype", "unknown"), ("device", "cpu")):
        fields.setdefault(key, value_)
    fields["trouble"] = "; ".join(filter(None, [fields.get("trouble", ""), *troubles]))
    return fields, readings


def _numpy_facts(value: Any, fields: _Fields) -> Any:
    """Fill in the facts; gives the array as a plain ``ndarray``, whatever its class defines."""
    ndarray: Any = sys.modules["numpy"].ndarray
    plain = ndarray.view(value, ndarray)
    size = plain.dtype.itemsize
    even = size > 0 and all(stride % size == 0 for stride in plain.strides)
    fields.update(
        kind=type(value).__name__,
        shape=tuple(plain.shape),
        dtype=str(plain.dtype),
        device="cpu",
        nbytes=int(plain.nbytes),
        strides=tuple(stride // size for stride in plain.strides) if even else None,
        contiguous=bool(plain.flags.c_contiguous),
        is_view=isinstance(ndarray.base.__get__(value), ndarray),
    )
    mask = getattr(value, "_mask", None) if type(value).__module__.startswith("numpy.ma") else None
    if mask is None or getattr(mask, "shape", ()) != plain.shape or mask.dtype != bool:
        return plain
    fields["trouble"] = f"{int(mask.sum()):,} elements are masked"
    return plain[~mask]


def _foreign_facts(value: Any, fields: _Fields, read: Callable[[Any, _Fields], Callable[[], Any] | None]) -> Any:
    """Fill in the facts; gives the elements as an ``ndarray``, or None where there are none."""
    fields["kind"] = "Array" if type(value).__name__ == "ArrayImpl" else type(value).__name__
    to_numpy = read(value, fields)
    if to_numpy is None:
        return None
    if (fields.get("nbytes") or 0) > _MOST_BYTES and not _on_cpu(fields["device"]):
        fields["trouble"] = f"its elements stay on {fields['device']}: too many to copy for a look"
        return None
    return to_numpy()


def _on_cpu(device: str) -> bool:
    return "cpu" in device.lower()


def _jax_facts(value: Any, fields: _Fields) -> Callable[[], Any] | None:
    fields.update(shape=tuple(int(size) for size in value.shape), dtype=str(value.dtype), device="unknown")
    tracer = getattr(getattr(sys.modules["jax"], "core", None), "Tracer", None)
    if tracer is not None and isinstance(value, tracer):  # inside jit, grad or vmap
        return None
    numpy: Any = sys.modules["numpy"]
    fields["nbytes"] = int(value.nbytes) if not value.is_deleted() else None
    if value.is_deleted():
        fields["trouble"] = "its memory was freed"
        return _nothing
    devices = sorted(str(device) for device in value.devices())
    fields["device"] = ", ".join(devices[:2]) + (" …" if len(devices) > 2 else "")
    if not value.is_fully_addressable:
        fields["trouble"] = "part of it is on other machines"
        return _nothing
    return lambda: numpy.asarray(value)


def _nothing() -> None:
    """For arrays that have no elements to read, for a reason that is told."""


def _tensorflow_facts(value: Any, fields: _Fields) -> Callable[[], Any] | None:
    rank = value.shape.rank
    sizes = () if rank is None else tuple(-1 if size is None else int(size) for size in value.shape.as_list())
    device = str(getattr(value, "device", "") or "unknown").rpartition("device:")[2]
    itemsize = int(getattr(value.dtype, "size", 0) or 0)
    fields.update(shape=sizes, dtype=str(value.dtype.name), device=device)
    if not hasattr(value, "numpy"):  # symbolic, inside tf.function
        return None
    fields["nbytes"] = math.prod(sizes) * itemsize if itemsize else None
    if hasattr(value, "trainable"):
        fields["requires_grad"] = bool(value.trainable)
    numpy: Any = sys.modules["numpy"]
    return lambda: numpy.asarray(value.numpy())


def _launch_elements(array: Any, fields: _Fields, stats: bool, plot: bool) -> list[Reading[_Fields]]:
    kind = array.dtype.kind
    numeric = kind in "biufc" or (kind == "V" and array.dtype.name.startswith(_OF_ML_DTYPES))
    small = 0 < array.size <= SHOWN
    readings: list[Reading[_Fields]] = []
    if small and kind != "O":  # an object's text is the user's code
        text = items_text(array.tolist()) if numeric else _plain_text(array)
        readings.append(ready({"value_text": text if len(text) <= 400 else None}))
    if not numeric:
        if array.size:
            fields["trouble"] = f"no statistics of {array.dtype if kind != 'V' else 'structured'} elements"[:100]
        return readings
    if not stats and (small or not plot):
        return readings
    tensor = _as_tensor(array)
    if stats:
        read, histogram = (
            summarize(tensor, plot=plot and not small)
            if tensor is not None
            else _summarize_numpy(array, plot and not small)
        )
        readings.append(ready({"stats": read, "histogram": histogram}))
    if plot and not small and tuple(array.shape) == fields["shape"]:
        drawn = _in_order(array) if tensor is None or _reversed(array) else tensor
        picture = launch_picture(drawn) if drawn is not None else None
        if picture is not None:
            readings.append(Reading(picture.wanted, lambda pixels: {"picture": picture.finish(pixels)}))
    return readings


def _plain_text(array: Any) -> str:
    """Text, dates and the like as NumPy writes them, on one line."""
    numpy: Any = sys.modules["numpy"]
    if array.dtype.hasobject:
        return ""
    text = numpy.array2string(array, separator=", ", threshold=SHOWN + 1, max_line_width=10**6)
    return " ".join(str(text).split())


def _as_tensor(array: Any) -> torch.Tensor | None:
    """The array's memory as a tensor, its dimensions perhaps reversed; None where torch knows no such elements."""
    numpy: Any = sys.modules["numpy"]
    if array.dtype.name not in _NATIVE_DTYPES or not array.dtype.isnative:
        return None
    if any(stride % array.dtype.itemsize for stride in array.strides):
        return None
    array = array[tuple(slice(None, None, -1 if stride < 0 else 1) for stride in array.strides)]
    return torch.from_numpy(array if array.flags.writeable else numpy.asarray(_Alias(array)))


class _Alias:
    """Read-only memory as if it could be written to: torch would warn, once for all, but nothing is written here."""

    def __init__(self, array: Any) -> None:
        self._array = array
        interface = array.__array_interface__
        self.__array_interface__ = {**interface, "data": (interface["data"][0], False)}


def _reversed(array: Any) -> bool:
    return any(stride < 0 for stride in array.strides)


def _in_order(array: Any) -> torch.Tensor | None:
    """A copy of a small array that torch cannot look at as it is."""
    if array.size > _SMALL_COPY or array.dtype.kind == "c":
        return None
    return torch.from_numpy(array.astype("float64"))


def _summarize_numpy(array: Any, plot: bool) -> tuple[Stats, Histogram | None]:
    """Statistics of an array that torch cannot look at: read-only, reversed, or of another byte order."""
    numpy: Any = sys.modules["numpy"]
    half = array.dtype.kind in "bif" and array.dtype.itemsize <= 2
    reader = Reader(torch.float32 if half or array.dtype == numpy.float32 else torch.float64, min(array.size, CHUNK))
    moments = Moments()
    room = torch.empty(min(array.size, CHUNK), dtype=reader.dtype)
    flat = room
    for block in _numpy_blocks(array):
        flat = room[: block.size]
        flat.numpy()[:] = (numpy.abs(block) if block.dtype.kind == "c" else block).reshape(-1)
        moments.add(flat, reader)
    stats = moments.stats(of="magnitudes" if array.dtype.kind == "c" else "")
    if not plot or array.size > CHUNK:
        return stats, None
    return stats, histogram_of(flat, stats, integers=array.dtype.kind in "biu")


def _numpy_blocks(array: Any) -> Any:
    if array.size <= CHUNK:
        if array.size:
            yield array
        return
    rows = max(1, CHUNK // (array.size // array.shape[0]))
    for start in range(0, array.shape[0], rows):
        yield from _numpy_blocks(array[start : start + rows] if rows > 1 else array[start])
