"""Python values as data: what crosses between the student's process and the judge, and how.

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
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from graders.engine.frames import FRAME_KINDS, NotCopied, decode_frame_data, encode_frame_data, is_frame
from graders.engine.wire import WireError, dtype_by_name

MAX_DEPTH = 60
MAX_NODES = 1_000_000
_JSON_INT = 1 << 53
_LARGEST_ITEM = 1 << 16  # bytes of one element of an array of text

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
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
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
        if isinstance(value, tuple):
            return self._named_tuple(value, depth)
        if kind is np.ndarray or isinstance(value, np.generic):
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
#: What a function may change in place; frames too.
_MUTABLE = (list, dict, set, bytearray, deque, OrderedDict, Counter, defaultdict, np.ndarray)
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
    datetime.date: datetime.date.fromisoformat,
    datetime.datetime: datetime.datetime.fromisoformat,
    datetime.time: datetime.time.fromisoformat,
    pathlib.PurePosixPath: pathlib.PurePosixPath,
    pathlib.PosixPath: pathlib.PosixPath,
}
_TEXT_BY_NAME = {kind.__name__: build for kind, build in _FROM_TEXT.items()}


@dataclass
class Decoder:
    """Builds values from JSON and tensors that may come from an untrusted process.

    Attributes:
        tensors: the elements that came with the frame.
        reference: called for what is not data; gives the object.
        tensor: called with each tensor's JSON and this decoder; gives the tensor to use.
        made: called with the JSON and the value of each container that the other side marked, before its contents
            where it may contain itself.
    """

    tensors: Mapping[str, torch.Tensor]
    reference: Callable[[Mapping[str, Json]], object]
    tensor: Callable[[Mapping[str, Json], Decoder], torch.Tensor]
    made: Callable[[Mapping[str, Json], object], None] = lambda node, value: None
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
            ArithmeticError,
            MemoryError,
        ) as error:
            raise WireError(f"a value of kind {str(node.get('t'))[:40]!r} does not fit together ({error})") from None

    def _tagged(self, node: Mapping[str, Json], depth: int) -> Any:
        tag = node["t"]
        if tag == "tensor":
            return self.tensor(node, self)
        if tag == "ref":
            return self.reference(node)
        if "m" in node and tag in ("list", "dict"):
            return self._filled(node, depth)
        value = self._untagged(tag, node, depth)
        if "m" in node:
            self.made(node, value)
        return value

    def _untagged(self, tag: str, node: Mapping[str, Json], depth: int) -> Any:
        if tag in _BUILD_ITERABLE:
            return _BUILD_ITERABLE[tag]([self.decode(item, depth + 1) for item in _list(node["v"])])
        if tag in _BUILD_MAPPING:
            pairs = [(self.decode(k, depth + 1), self.decode(v, depth + 1)) for k, v in _list(node["v"])]
            return _BUILD_MAPPING[tag](pairs)
        if tag in ("array", "scalar", "objects"):
            return self._array(node, depth)
        if tag == "namedtuple":
            items = [self.decode(item, depth + 1) for item in _list(node["v"])]
            return namedtuple(str(node["n"]), [str(f) for f in node["f"]])(*items)
        if tag in FRAME_KINDS:
            return decode_frame_data(node, lambda part: self.decode(part, depth + 1))
        return _decode_simple(tag, node)

    def _filled(self, node: Mapping[str, Json], depth: int) -> Any:
        """A list or dict that is known before its contents are, for it may be among them."""
        if node["t"] == "list":
            items: list[Any] = []
            self.made(node, items)
            items += [self.decode(item, depth + 1) for item in _list(node["v"])]
            return items
        pairs: dict[Any, Any] = {}
        self.made(node, pairs)
        pairs.update((self.decode(k, depth + 1), self.decode(v, depth + 1)) for k, v in _list(node["v"]))
        return pairs

    def elements(self, node: Mapping[str, Json]) -> torch.Tensor:
        """The plain tensor that a tensor's JSON refers to, in the dtype it names; WireError where it does not fit."""
        try:
            return self._elements(node)
        except WireError:
            raise
        except (KeyError, TypeError, ValueError, RuntimeError, OverflowError) as error:
            raise WireError(f"a tensor does not fit together ({error})") from None

    def _elements(self, node: Mapping[str, Json]) -> torch.Tensor:
        dtype = dtype_by_name(node["d"])
        if node.get("dev") == "meta":
            return torch.empty(_sizes(node["shape"]), dtype=dtype, device="meta")
        data = self.tensors[str(node["i"])]
        if data.dtype != dtype:
            raise WireError("a tensor's bytes are not of the dtype that its header names")
        return data

    def _array(self, node: Mapping[str, Json], depth: int) -> Any:
        shape = _sizes(node["s"])
        dtype = np.dtype(str(node["d"]))
        if dtype.itemsize > _LARGEST_ITEM:
            raise WireError("the elements of an array are too large")
        if node["t"] == "objects":
            array = np.array(self.decode(node["v"], depth + 1), dtype=dtype)
            return array.reshape(shape)
        if dtype.kind not in "biufc":
            raise WireError("an array of that kind is not copied")
        raw = self.tensors[str(node["i"])].numpy().tobytes()
        array = np.frombuffer(raw, dtype=np.uint8 if dtype.kind == "b" else dtype).reshape(shape).copy()
        array = array != 0 if dtype.kind == "b" else array  # a byte that is neither 0 nor 1 is no bool
        return array if node["t"] == "array" else array[()]


def _decode_simple(tag: str, node: Mapping[str, Json]) -> Any:
    value = node["v"]
    if tag == "int":
        return int(str(value), 16)
    if tag == "float":
        return float(value)
    if tag == "fraction":
        return fractions.Fraction(*(int(str(part), 16) for part in _list(value)))
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
    constant = torch.__dict__.get(text.removeprefix("torch."))  # not getattr, which imports what torch loads lazily
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
