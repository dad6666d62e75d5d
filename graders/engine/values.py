"""Python values as data: what crosses between the student's process and the judge, and how; see decoding.py too.

Plain values, containers, arrays and frames are copied. Anything else (functions, classes, instances) stays where it is
and crosses as a reference, made and resolved by the callbacks that each side supplies; so do tensors, which have facts
beside their elements. Encoding looks at exact types, so that an object cannot pass for data by subclassing; decoding
builds only the types listed here.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import fractions
import math
import pathlib
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from graders.engine.frames import NotCopied, encode_frame_data, is_frame

MAX_DEPTH = 60
MAX_NODES = 1_000_000
_JSON_INT = 1 << 53
LARGEST_ITEM = 1 << 16  # bytes of one element of an array of text

Json = Any


class NotData(TypeError):
    """The value cannot cross as data and no reference was allowed."""


@dataclass
class Encoder:
    """Turns values into JSON, putting tensors' elements aside.

    Attributes:
        reference: called for whatever is not data; gives the JSON object that stands for it.
        tensor: called with each tensor and this encoder; gives its JSON. RuntimeError where it cannot be copied.
        marked: called for each container that may be changed in place; gives facts to send along, or the JSON that
            stands for it (where it has a ``"t"``).
        tensors: the elements to send beside the JSON, by key.
    """

    reference: Callable[[object], dict[str, Json]]
    tensor: Callable[[torch.Tensor, Encoder], dict[str, Json]]
    marked: Callable[[object], dict[str, Json]] = lambda container: {}
    tensors: dict[str, torch.Tensor] = field(default_factory=dict)
    nodes: int = 0

    def encode(self, value: object, depth: int = 0) -> Json:
        """The JSON for ``value``; fills :attr:`tensors`.

        Raises:
            NotData: nested deeper than MAX_DEPTH or larger than MAX_NODES, as cyclic values are.
        """
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise NotData("the value is nested too deeply or too large to be copied (does it contain itself?)")
        kind = type(value)
        if value is None or kind is bool or kind is str:
            return value
        if kind is int:
            return value if -_JSON_INT < value < _JSON_INT else {"t": "int", "v": hex(value)}  # type: ignore[operator, arg-type]
        if kind is float:
            return value if math.isfinite(value) else {"t": "float", "v": repr(value)}  # type: ignore[arg-type]
        if issubclass(kind, torch.Tensor):  # its own class, whatever a student's object says of itself
            return self._tensor(value)  # type: ignore[arg-type]
        if kind in _MUTABLE or is_frame(value):
            mark = self.marked(value)
            return mark if "t" in mark else {**self._container(value, depth), **mark}
        return self._container(value, depth)

    def put(self, tensor: torch.Tensor) -> str:
        """Put a tensor's elements beside the JSON; gives the key to refer to them."""
        key = str(len(self.tensors))
        self.tensors[key] = plain_elements(tensor)
        return key

    def plain(self, tensor: torch.Tensor) -> Json:
        """A tensor as elements only, without a name or facts for autograd."""
        with torch._C.DisableTorchFunctionSubclass():
            if tensor.is_nested:
                raise NotImplementedError("a nested tensor has no one shape")
            dense = tensor.to_dense() if tensor.layout != torch.strided else tensor
            meta = {"shape": list(dense.shape)} if dense.device.type == "meta" else {}
            return {"i": self.put(dense), "d": str(dense.dtype), "dev": dense.device.type, **meta}

    def _tensor(self, value: torch.Tensor) -> Json:
        with torch._C.DisableTorchFunctionSubclass():
            try:
                return {"t": "tensor", **self.tensor(value, self)}
            except (RuntimeError, NotImplementedError, TypeError):
                return self.reference(value)

    def _container(self, value: Any, depth: int) -> Json:
        kind = type(value)
        if kind in _ITERABLES:
            return {"t": _ITERABLES[kind], "v": [self.encode(item, depth + 1) for item in value]}
        if kind in _MAPPINGS:
            pairs = [[self.encode(k, depth + 1), self.encode(v, depth + 1)] for k, v in value.items()]
            return {"t": _MAPPINGS[kind], "v": pairs}
        if issubclass(kind, tuple):
            return self._named_tuple(value, depth)
        if kind is np.ndarray or issubclass(kind, np.generic):
            return self._array(value)
        if is_frame(value):
            try:
                return encode_frame_data(value, lambda part: self.encode(part, depth + 1))
            except NotCopied:
                return self.reference(value)
        simple = _encode_simple(value)
        return self.reference(value) if simple is None else simple

    def _array(self, value: Any) -> Json:
        array = np.asarray(value)
        tag = "array" if type(value) is np.ndarray else "scalar"
        if array.dtype.kind in "biufc" and array.dtype.itemsize <= 16:
            key = str(len(self.tensors))
            raw = np.frombuffer(np.ascontiguousarray(array).tobytes(), dtype=np.uint8)
            self.tensors[key] = torch.from_numpy(raw.copy())  # torch takes no array that cannot be written to
            return {"t": tag, "i": key, "d": array.dtype.str, "s": list(array.shape)}
        if array.dtype.kind in "UO" and tag == "array":
            return {
                "t": "objects",
                "d": array.dtype.str,
                "s": list(array.shape),
                "v": self.encode(array.ravel().tolist()),
            }
        return self.reference(value)

    def _named_tuple(self, value: tuple[Any, ...], depth: int) -> Json:
        fields = getattr(type(value), "_fields", None)
        items = [self.encode(item, depth + 1) for item in value]
        if isinstance(fields, tuple) and len(fields) == len(items) and all(type(f) is str for f in fields):
            return {"t": "namedtuple", "n": type(value).__name__, "f": list(fields), "v": items}
        if type(value).__module__ in ("torch.return_types", "time", "os", "posix"):
            return {"t": "tuple", "v": items}
        return self.reference(value)


def plain_elements(tensor: torch.Tensor) -> torch.Tensor:
    """A detached, dense, contiguous tensor on the CPU with the elements: the tensor's own memory where it is like that.

    >>> plain_elements(torch.tensor([1.0, 2.0], requires_grad=True)).requires_grad
    False
    """
    with torch.no_grad(), torch._C.DisableTorchFunctionSubclass():
        base = tensor.detach().as_subclass(torch.Tensor)
        if base.layout != torch.strided or base.is_quantized:
            raise NotImplementedError("only strided tensors are copied")
        if base.device.type == "meta":
            return torch.empty(0, dtype=torch.uint8)
        return base.cpu().resolve_conj().resolve_neg().contiguous()


def _encode_simple(value: object) -> Json | None:
    kind = type(value)
    if kind is complex:
        return {"t": "complex", "v": [repr(value.real), repr(value.imag)]}  # type: ignore[attr-defined]
    if kind in (bytes, bytearray):
        return {"t": kind.__name__, "v": base64.b64encode(value).decode()}  # type: ignore[arg-type]
    if kind in (range, slice):
        parts = [value.start, value.stop, value.step]  # type: ignore[attr-defined]
        return {"t": kind.__name__, "v": parts} if all(p is None or type(p) is int for p in parts) else None
    if value is Ellipsis or value is NotImplemented:
        return {"t": "constant", "v": repr(value)}
    if kind in (torch.dtype, torch.device, torch.layout, torch.memory_format):
        return {"t": "torch", "v": str(value), "k": kind.__name__}
    if kind is fractions.Fraction:
        return {"t": "fraction", "v": [hex(value.numerator), hex(value.denominator)]}  # type: ignore[attr-defined]
    if kind in FROM_TEXT:
        return {
            "t": "text",
            "k": kind.__name__,
            "v": value.isoformat() if hasattr(value, "isoformat") else str(value),
        }
    return None


_ITERABLES: dict[type, str] = {
    list: "list",
    tuple: "tuple",
    set: "set",
    frozenset: "frozenset",
    deque: "deque",
    torch.Size: "size",
}
#: What a function may change in place; frames too.
_MUTABLE = (list, dict, set, bytearray, deque, OrderedDict, Counter, defaultdict, np.ndarray)
_MAPPINGS: dict[type, str] = {dict: "dict", OrderedDict: "odict", Counter: "counter", defaultdict: "dict"}
FROM_TEXT: dict[type, Callable[[str], Any]] = {
    decimal.Decimal: decimal.Decimal,
    datetime.date: datetime.date.fromisoformat,
    datetime.datetime: datetime.datetime.fromisoformat,
    datetime.time: datetime.time.fromisoformat,
    pathlib.PurePosixPath: pathlib.PurePosixPath,
    pathlib.PosixPath: pathlib.PosixPath,
}
