"""The student's side of shared objects: handles for what stays here, and what the judge knows of each tensor."""

from __future__ import annotations

import importlib
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from graders.engine.values import Decoder, Encoder, Json
from graders.engine.wire import WireError

_NOT_TEXT = "<its text cannot be had>"


@dataclass
class SharedTensor:
    """A tensor that the judge holds a copy of, and the state that the copy was taken in."""

    tensor: torch.Tensor
    version: int
    grad_state: tuple[int, int] | None


@dataclass
class Call:
    """A differentiable result: what it was computed from, and what came out."""

    inputs: list[torch.Tensor]
    outputs: list[torch.Tensor]


@dataclass
class Objects:
    """All that the judge holds handles to; one to a student process."""

    by_handle: dict[int, object] = field(default_factory=dict)
    handles: dict[int, int] = field(default_factory=dict)
    tensors: dict[int, SharedTensor] = field(default_factory=dict)
    calls: dict[int, Call] = field(default_factory=dict)
    _next: int = 0

    def handle(self, value: object) -> int:
        """The handle of an object, made at first sight; the object then stays alive until it is freed."""
        known = self.handles.get(id(value))
        if known is None:
            self._next += 1
            known = self.handles[id(value)] = self._next
            self.by_handle[known] = value
        return known

    def get(self, handle: object) -> object:
        """The object behind a handle."""
        return self.by_handle[handle]  # type: ignore[index]

    def free(self, handles: Sequence[int]) -> None:
        """Let go of objects that the judge no longer holds."""
        for handle in handles:
            value = self.by_handle.pop(handle, None)
            self.tensors.pop(handle, None)
            if value is not None:
                self.handles.pop(id(value), None)

    def new_call(self, inputs: list[torch.Tensor], outputs: list[torch.Tensor]) -> int:
        """Remember a differentiable result; gives its number."""
        self._next += 1
        self.calls[self._next] = Call(inputs, outputs)
        return self._next


class StudentEncoder:
    """Encodes replies: copies data, hands out handles, and lists the leaves that results hang on."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self.encoder = Encoder(self._reference, self._describe)
        self.outputs: list[torch.Tensor] = []
        self.arguments: dict[int, int] = {}

    def encode(self, value: object) -> Json:
        """The JSON for a value of the student's."""
        return self.encoder.encode(value)

    @property
    def tensors(self) -> dict[str, torch.Tensor]:
        """The tensors to send beside the JSON."""
        return self.encoder.tensors

    def plain(self, tensor: torch.Tensor) -> Json:
        """A tensor as elements only, without handle or autograd facts."""
        return self.encoder.plain(tensor)

    def leaves(self, inputs: Sequence[torch.Tensor]) -> Json:
        """The leaves of the student's that the outputs encoded so far hang on, apart from ``inputs``."""
        own = {id(tensor) for tensor in inputs}
        found = [leaf for leaf in reachable_leaves(self.outputs) if id(leaf) not in own]
        return [self.encode(leaf) for leaf in found]

    def changes(self) -> Json:
        """The shared tensors that are no longer what the judge last saw: elements, and gradient of leaves."""
        found = []
        with torch._C.DisableTorchFunctionSubclass():  # a subclass of the student's has no say in this
            for handle, shared in self.objects.tensors.items():
                entry = self._change(handle, shared)
                if len(entry) > 1:
                    found.append(entry)
        return found

    def _change(self, handle: int, shared: SharedTensor) -> dict[str, Json]:
        tensor = shared.tensor
        entry: dict[str, Json] = {"h": handle}
        if _version(tensor) != shared.version:
            shared.version = _version(tensor)
            entry["new"] = self.plain(tensor)
        if _grad_state(tensor) != shared.grad_state:
            shared.grad_state = _grad_state(tensor)
            entry["grad"] = None if tensor.grad is None else self.plain(tensor.grad)
        return entry

    def _reference(self, value: object) -> dict[str, Json]:
        kind = type(value)
        return {
            "t": "ref",
            "h": self.objects.handle(value),
            "callable": callable(value),
            "type": f"{_text(kind, '__module__')}.{_text(kind, '__qualname__')}",
            "mro": [f"{_text(base, '__module__')}.{_text(base, '__qualname__')}" for base in kind.__mro__[:40]],
            "name": _text(value, "__name__"),
            "module": _text(value, "__name__") if isinstance(value, types.ModuleType) else None,
        }

    def _describe(self, tensor: torch.Tensor) -> dict[str, Json]:
        if id(tensor) in self.arguments:  # a function gave back what it was given: the judge has the original
            return {"arg": self.arguments[id(tensor)]}
        handle = self.objects.handle(tensor)
        facts: dict[str, Json] = {"h": handle, "shape": list(tensor.shape), "rg": tensor.requires_grad}
        facts["leaf"] = tensor.is_leaf
        facts["param"] = isinstance(tensor, torch.nn.Parameter)
        self.objects.tensors[handle] = SharedTensor(tensor, _version(tensor), _grad_state(tensor))
        if tensor.requires_grad and not tensor.is_leaf:
            facts["fn"] = type(tensor.grad_fn).__name__
            facts["out"] = len(self.outputs)
            self.outputs.append(tensor)
        elif tensor.is_leaf and tensor.grad is not None:
            facts["grad"] = self.plain(tensor.grad)
        return facts


class StudentDecoder:
    """Decodes requests; tensors that the judge wants gradients for become fresh leaves."""

    def __init__(self, objects: Objects, tensors: Mapping[str, torch.Tensor]) -> None:
        self.objects = objects
        self.inputs: dict[int, torch.Tensor] = {}
        self.copies: dict[int, torch.Tensor] = {}
        self._versions: dict[int, int] = {}
        self._grads: dict[int, tuple[torch.Tensor | None, tuple[int, int] | None]] = {}
        self.decoder = Decoder(tensors, self._reference, self._tensor)

    def decode(self, node: Json) -> Any:
        """The value that the judge sent."""
        return self.decoder.decode(node)

    def changed_copies(self) -> dict[int, torch.Tensor]:
        """The tensors of the judge's that were changed in place here, by their numbers in the request."""
        return {n: copy for n, copy in self.copies.items() if copy._version != self._versions[n]}

    def unchanged_copies(self) -> dict[int, torch.Tensor]:
        """The tensors of the judge's that the judge's own still equal, whatever was done with them."""
        return {n: c for n, c in self.copies.items() if c._version == self._versions[n] or not c.requires_grad}

    def changed_gradients(self) -> list[tuple[int, torch.Tensor | None, bool]]:
        """The judge's leaves whose ``.grad`` is another one now: number, gradient, and whether it changed in place."""
        return [
            (number, copy.grad, copy.grad is self._grads[number][0])
            for number, copy in self.copies.items()
            if copy.is_leaf and _grad_state(copy) != self._grads[number][1]
        ]

    def _reference(self, node: Mapping[str, Json]) -> object:
        if "module" in node:
            return getattr(importlib.import_module(node["module"]), node["name"])
        return self.objects.get(node["h"])

    def _tensor(self, data: torch.Tensor, node: Mapping[str, Json]) -> torch.Tensor:
        number = node.get("n")
        if isinstance(number, int) and number in self.copies:
            return self.copies[number]
        tensor = data
        if node.get("rg"):
            tensor = data.requires_grad_()
            if "in" in node:
                self.inputs[int(node["in"])] = tensor
            if not node.get("leaf"):
                with torch.enable_grad():
                    tensor = tensor.clone()  # as in one process, no leaf: the function may change it in place
            elif node.get("grad") is not None:
                tensor.grad = self.decoder.elements(node["grad"])
        if isinstance(number, int):
            self.copies[number] = tensor
            self._versions[number] = tensor._version
            self._grads[number] = (tensor.grad if tensor.is_leaf else None, _grad_state(tensor))
        return tensor


def reachable_leaves(outputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """The leaf tensors that gradients of ``outputs`` reach, each once, without recursion.

    >>> w = torch.ones(2, requires_grad=True)
    >>> reachable_leaves([(w * 2).sum()])[0] is w
    True
    """
    waiting = [tensor.grad_fn for tensor in outputs if tensor.grad_fn is not None]
    seen: set[object] = set(waiting)
    leaves: list[torch.Tensor] = []
    while waiting:
        node = waiting.pop()
        variable = getattr(node, "variable", None)
        if isinstance(variable, torch.Tensor) and variable.is_leaf:
            leaves.append(variable)
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                waiting.append(following)
    unique = {id(leaf): leaf for leaf in leaves}
    return list(unique.values())


def _version(tensor: torch.Tensor) -> int:
    return -1 if tensor.is_inference() else tensor._version


def _grad_state(tensor: torch.Tensor) -> tuple[int, int] | None:
    if not tensor.is_leaf or tensor.grad is None:
        return None
    return id(tensor.grad), _version(tensor.grad)


def _text(value: object, name: str) -> str:
    try:
        text = getattr(value, name, "")
        return text[:300] if type(text) is str else ""
    except BaseException:  # a student's own attribute access may do anything; its text is optional
        return _NOT_TEXT


def need(request: Mapping[str, Json], name: str) -> Any:
    """A field of a request; WireError where it is missing."""
    if name not in request:
        raise WireError(f"the request lacks {name!r}")
    return request[name]
