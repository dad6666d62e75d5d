"""Python values as data: what crosses between the student's process and the judge, and how.

Plain values, containers, tensors and arrays are copied. Anything else (functions, classes, instances) stays
where it is and crosses as a reference, made and resolved by the two callbacks that each side supplies.
Encoding looks at exact types, so that an object cannot pass for data by subclassing; decoding builds only
the types listed here.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import fractions
import math
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from graders.engine.wire import WireError

MAX_DEPTH = 60
MAX_NODES = 1_000_000
_JSON_INT = 1 << 53

Json = Any


class NotData(TypeError):
    """The value cannot cross as data and no reference was allowed."""


@dataclass
class Encoder:
    """Turns values into JSON, putting tensors aside.

    Attributes:
        reference: called for whatever is not data; gives the JSON object that stands for it.
        describe_tensor: called for each tensor; gives extra facts (handle, flags) to send along.
        tensors: the tensor bytes to send beside the JSON, by key.
    """

    reference: Callable[[object], dict[str, Json]]
    describe_tensor: Callable[[torch.Tensor], dict[str, Json]]
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
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if kind in _ITERABLES:
            return {"t": _ITERABLES[kind], "v": [self.encode(item, depth + 1) for item in value]}  # type: ignore[attr-defined]
        if kind in _MAPPINGS:
            pairs = [[self.encode(k, depth + 1), self.encode(v, depth + 1)] for k, v in value.items()]  # type: ignore[attr-defined]
            return {"t": _MAPPINGS[kind], "v": pairs}
        if isinstance(value, tuple):
            return self._named_tuple(value, depth)
        if kind is np.ndarray or isinstance(value, np.generic):
            return self._array(value)
        simple = _encode_simple(value)
        return self.reference(value) if simple is None else simple

    def put(self, tensor: torch.Tensor) -> str:
        """Put a tensor's elements beside the JSON; gives the key to refer to them."""
        key = str(len(self.tensors))
        self.tensors[key] = plain_elements(tensor)
        return key

    def plain(self, tensor: torch.Tensor) -> Json:
        """A tensor as elements only, without a handle or facts for autograd."""
        tensor = tensor.to_dense() if tensor.layout != torch.strided else tensor
        return {"i": self.put(tensor), "d": str(tensor.dtype), "dev": tensor.device.type, "shape": list(tensor.shape)}

    def _tensor(self, value: torch.Tensor) -> Json:
        with torch._C.DisableTorchFunctionSubclass():
            try:
                key = self.put(value)
            except (RuntimeError, NotImplementedError, TypeError):
                return self.reference(value)
            return {
                "t": "tensor",
                "i": key,
                "d": str(value.dtype),
                "dev": value.device.type,
                **self.describe_tensor(value),
            }

    def _array(self, value: Any) -> Json:
        array = np.asarray(value)
        tag = "array" if type(value) is np.ndarray else "scalar"
        if array.dtype.kind in "biufc" and array.dtype.itemsize <= 16:
            key = str(len(self.tensors))
            raw = np.frombuffer(np.ascontiguousarray(array).tobytes(), dtype=np.uint8)
            self.tensors[key] = torch.from_numpy(raw.copy())
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
    """A detached, contiguous, unshared CPU tensor with the elements; complex numbers as pairs of reals.

    >>> plain_elements(torch.tensor([1.0, 2.0], requires_grad=True)).requires_grad
    False
    """
    with torch.no_grad(), torch._C.DisableTorchFunctionSubclass():
        base = tensor.detach().as_subclass(torch.Tensor)
        if base.layout != torch.strided or base.is_quantized:
            raise NotImplementedError("only strided tensors are copied")
        if base.device.type == "meta":
            return torch.empty(0, dtype=torch.uint8)
        base = base.cpu().resolve_conj().resolve_neg()
        if base.is_complex():
            base = torch.view_as_real(base)
        return base.clone(memory_format=torch.contiguous_format)


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
    if kind in _FROM_TEXT:
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
_MAPPINGS: dict[type, str] = {dict: "dict", OrderedDict: "odict", Counter: "counter", defaultdict: "dict"}
_BUILD_ITERABLE: dict[str, Callable[[list[Any]], Any]] = {
    "list": list,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "deque": deque,
    "size": torch.Size,
}
_BUILD_MAPPING: dict[str, Callable[[list[Any]], Any]] = {
    "dict": dict,
    "odict": OrderedDict,
    "counter": lambda pairs: Counter(dict(pairs)),
}
_FROM_TEXT: dict[type, Callable[[str], Any]] = {
    decimal.Decimal: decimal.Decimal,
    fractions.Fraction: fractions.Fraction,
    datetime.date: datetime.date.fromisoformat,
    datetime.datetime: datetime.datetime.fromisoformat,
    datetime.time: datetime.time.fromisoformat,
}
_TEXT_BY_NAME = {kind.__name__: build for kind, build in _FROM_TEXT.items()}


@dataclass
class Decoder:
    """Builds values from JSON and tensors that may come from an untrusted process.

    Attributes:
        tensors: the tensors that came with the frame.
        resolve: called for references and tensors' extra facts; see the two callbacks.
        tensor: called with (plain tensor, facts) for each tensor; gives the tensor to use.
    """

    tensors: Mapping[str, torch.Tensor]
    reference: Callable[[Mapping[str, Json]], object]
    tensor: Callable[[torch.Tensor, Mapping[str, Json]], torch.Tensor]
    nodes: int = 0

    def decode(self, node: Json, depth: int = 0) -> Any:
        """The value that ``node`` stands for.

        Raises:
            WireError: anything that this protocol does not know, or that does not fit together.
        """
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise WireError("a value is nested too deeply or too large")
        if node is None or isinstance(node, bool | str | int | float):
            return node
        if not isinstance(node, dict):
            raise WireError("a value has no kind")
        try:
            return self._tagged(node, depth)
        except WireError:
            raise
        except (
            KeyError,
            TypeError,
            ValueError,
            OverflowError,
            AttributeError,
            RuntimeError,
            IndexError,
        ) as error:
            raise WireError(f"a value of kind {str(node.get('t'))[:40]!r} does not fit together ({error})") from None

    def _tagged(self, node: Mapping[str, Json], depth: int) -> Any:
        tag = node["t"]
        if tag in _BUILD_ITERABLE:
            return _BUILD_ITERABLE[tag]([self.decode(item, depth + 1) for item in _list(node["v"])])
        if tag in _BUILD_MAPPING:
            pairs = [(self.decode(k, depth + 1), self.decode(v, depth + 1)) for k, v in _list(node["v"])]
            return _BUILD_MAPPING[tag](pairs)
        if tag == "tensor":
            return self.tensor(self.elements(node), node)
        if tag in ("array", "scalar", "objects"):
            return self._array(node, depth)
        if tag == "namedtuple":
            items = [self.decode(item, depth + 1) for item in _list(node["v"])]
            return namedtuple(str(node["n"]), [str(f) for f in node["f"]])(*items)
        if tag == "ref":
            return self.reference(node)
        return _decode_simple(tag, node)

    def elements(self, node: Mapping[str, Json]) -> torch.Tensor:
        """The plain tensor that a tensor's JSON refers to, in the dtype it names."""
        dtype = getattr(torch, str(node["d"]).removeprefix("torch."))
        if not isinstance(dtype, torch.dtype):
            raise WireError("a tensor has no dtype")
        if node.get("dev") == "meta":
            return torch.empty(_sizes(node["shape"]), dtype=dtype, device="meta")
        data = self.tensors[str(node["i"])]
        if dtype.is_complex:
            data = torch.view_as_complex(data)
        if data.dtype != dtype:
            raise WireError("a tensor's bytes are not of the dtype that its header names")
        return data

    def _array(self, node: Mapping[str, Json], depth: int) -> Any:
        shape = _sizes(node["s"])
        dtype = np.dtype(str(node["d"]))
        if node["t"] == "objects":
            array = np.array(self.decode(node["v"], depth + 1), dtype=dtype)
            return array.reshape(shape)
        if dtype.kind not in "biufc":
            raise WireError("an array of that kind is not copied")
        raw = self.tensors[str(node["i"])].numpy().tobytes()
        array = np.frombuffer(raw, dtype=dtype).reshape(shape).copy()
        return array if node["t"] == "array" else array[()]


def _decode_simple(tag: str, node: Mapping[str, Json]) -> Any:
    value = node["v"]
    if tag == "int":
        return int(str(value), 16)
    if tag == "float":
        return float(value)
    if tag == "complex":
        return complex(float(value[0]), float(value[1]))
    if tag in ("bytes", "bytearray"):
        data = base64.b64decode(value, validate=True)
        return data if tag == "bytes" else bytearray(data)
    if tag in ("range", "slice"):
        if not all(p is None or type(p) is int for p in _list(value)):
            raise WireError("a range of something other than whole numbers")
        return range(*value) if tag == "range" else slice(*value)
    if tag == "constant":
        return {"Ellipsis": Ellipsis, "NotImplemented": NotImplemented}[value]
    if tag == "torch":
        return _torch_constant(str(node["k"]), str(value))
    if tag == "text":
        return _TEXT_BY_NAME[node["k"]](str(value))
    raise WireError(f"values of kind {str(tag)[:40]!r} are unknown")


def _torch_constant(kind: str, text: str) -> Any:
    if kind == "device":
        return torch.device(text)
    constant = getattr(torch, text.removeprefix("torch."))
    if not isinstance(constant, torch.dtype | torch.layout | torch.memory_format):
        raise WireError("that is no constant of torch's")
    return constant


def _list(value: Json) -> list[Any]:
    if not isinstance(value, list):
        raise WireError("a list was expected")
    return value


def _sizes(value: Json) -> list[int]:
    sizes = _list(value)
    if not all(type(size) is int and 0 <= size < 1 << 48 for size in sizes):
        raise WireError("a shape was expected")
    return sizes
