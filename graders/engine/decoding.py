"""Data as Python values: what is built of JSON and tensors that may come from an untrusted process.

Only the types listed here and in :mod:`graders.engine.values` are built; whatever does not fit is a WireError.
"""

from __future__ import annotations

import base64
import fractions
from collections import Counter, OrderedDict, deque, namedtuple
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from graders.engine.frames import FRAME_KINDS, decode_frame_data
from graders.engine.values import FROM_TEXT, LARGEST_ITEM, MAX_DEPTH, MAX_NODES, Json
from graders.engine.wire import WireError, dtype_by_name

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
_TEXT_BY_NAME = {kind.__name__: build for kind, build in FROM_TEXT.items()}


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
        if dtype.itemsize > LARGEST_ITEM:
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
