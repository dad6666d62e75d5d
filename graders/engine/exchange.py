"""Encode what the judge sends and decode what comes back, joined to the judge's autograd graph."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from graders.engine.differentiable import attach
from graders.engine.remote_object import CannotSend, RemoteObject
from graders.engine.values import Decoder, Encoder, Json
from graders.engine.wire import Frame, WireError

if TYPE_CHECKING:
    from graders.engine.remote import Student


#: Where functions and classes that a test hands to a student's function are looked for by name.
_HOMES = ("builtins", "math", "operator", "torch", "torch.nn.functional", "torch.nn", "torch.optim", "numpy")


class Sender:
    """Encodes what the judge sends: copies of the student's leaves go as handles, all else as data."""

    def __init__(self, student: Student) -> None:
        self.student = student
        self.encoder = Encoder(self._reference, self._describe)
        self.inputs: list[torch.Tensor] = []
        self.originals: dict[int, torch.Tensor] = {}
        self._numbers: dict[int, int] = {}

    @property
    def tensors(self) -> dict[str, torch.Tensor]:
        """The tensors to send beside the JSON."""
        return self.encoder.tensors

    def encode(self, value: object) -> Json:
        """The JSON for a value of the judge's; CannotSend where it cannot be sent."""
        return self.encoder.encode(value)

    def _reference(self, value: object) -> dict[str, Json]:
        if isinstance(value, RemoteObject):
            return {"t": "ref", "h": value._remote_handle}
        module = _public_home(value)
        if module:
            return {"t": "ref", "module": module, "name": value.__name__}  # type: ignore[attr-defined]
        if isinstance(value, torch.Tensor):
            raise CannotSend("a sparse or quantized tensor cannot be sent to the student's code yet")
        raise CannotSend(
            f"the test cell hands a {type(value).__name__} of its own to the student's code, "
            "and only data and functions by their public names can be sent"
        )

    def _describe(self, tensor: torch.Tensor) -> dict[str, Json]:
        handle = self.student.handle_of(tensor)
        if handle is not None and tensor.is_leaf:
            return {"t": "ref", "h": handle}
        number = self._numbers.setdefault(id(tensor), len(self._numbers))
        self.originals[number] = tensor
        facts: dict[str, Json] = {"n": number, "shape": list(tensor.shape)}
        if not tensor.requires_grad:
            return facts
        facts.update(rg=True, leaf=tensor.is_leaf)
        if tensor.is_leaf and tensor.grad is not None:
            facts["grad"] = self.encoder.plain(tensor.grad)
        if torch.is_grad_enabled():
            known = next((i for i, seen in enumerate(self.inputs) if seen is tensor), None)
            facts["in"] = len(self.inputs) if known is None else known
            if known is None:
                self.inputs.append(tensor)
        return facts


def _public_home(value: object) -> str:
    """The module in which a function or class of a known library has its public name; "" for any other value."""
    name = getattr(value, "__name__", None)
    if not callable(value) or not isinstance(name, str):
        return ""
    return next((home for home in _HOMES if getattr(sys.modules.get(home), name, None) is value), "")


class Receiver:
    """Decodes one reply: copies of the student's tensors, joined to the judge's graph."""

    def __init__(
        self,
        student: Student,
        reply: Frame,
        inputs: list[torch.Tensor],
        originals: Mapping[int, torch.Tensor],
    ) -> None:
        self.student = student
        self.reply = reply
        self.inputs = inputs
        self.originals = originals
        self.decoder = Decoder(reply.tensors, student.remote, self._tensor)
        self.outputs: dict[int, torch.Tensor] = {}

    def value(self) -> Any:
        """The value that came; WireError where anything about it does not fit."""
        header = self.reply.header
        if "call" in header:
            self._attach(header)
        value = self.decoder.decode(header.get("value"))
        if isinstance(value, list) and len(value) == 3 and "value" in header and self.originals:
            self._change_originals(value[1])
            self._change_gradients(header.get("arg_grads", []))
        return value

    def _change_originals(self, changed: Any) -> None:
        for pair in changed if isinstance(changed, list) else ():
            original = self.originals.get(pair[0]) if isinstance(pair, list) and len(pair) == 2 else None
            if original is not None and isinstance(pair[1], torch.Tensor) and pair[1] is not original:
                with torch.no_grad():
                    try:
                        original.copy_(pair[1])
                    except RuntimeError as error:
                        raise WireError(f"an argument came back in another shape ({error})") from None

    def _change_gradients(self, changed: Any) -> None:
        """Give the judge's own leaves the gradients that the student's function left in its copies of them."""
        try:
            for number, node, in_place in as_list(changed):
                original = self.originals[number]
                grad = None if node is None else self.decoder.elements(node)
                if in_place and grad is not None and original.grad is not None:
                    with torch.no_grad():
                        original.grad.copy_(grad)
                else:
                    original.grad = grad
        except (RuntimeError, TypeError, ValueError, KeyError) as error:
            raise WireError(f"the gradient of an argument does not fit it ({error})") from None

    def _attach(self, header: Mapping[str, Json]) -> None:
        leaves = [self.decoder.decode(node) for node in as_list(header.get("leaves"))]
        if not all(isinstance(leaf, torch.Tensor) and leaf.is_leaf for leaf in leaves):
            raise WireError("a leaf is none")
        nodes = sorted(_outputs(header.get("value")), key=lambda node: int(node["out"]))
        if [node["out"] for node in nodes] != list(range(len(nodes))):
            raise WireError("the differentiable results are not numbered")
        data = [self.decoder.elements(node) for node in nodes]
        if not data or not all(item.is_floating_point() or item.is_complex() for item in data):
            raise WireError("a differentiable result is not of a floating dtype")
        names = [str(node.get("fn", ""))[:80] for node in nodes]
        call = header["call"]
        if not isinstance(call, int):
            raise WireError("a call is no number")
        handles = [self.student.handle_of(leaf) for leaf in leaves]
        results = attach(self.student, call, self.inputs, leaves, [h for h in handles if h is not None], data, names)
        self.outputs = dict(enumerate(results))

    def _tensor(self, data: torch.Tensor, node: Mapping[str, Json]) -> torch.Tensor:
        if "arg" in node:
            original = self.originals.get(node["arg"])
            if original is None:
                raise WireError("an argument that was never sent")
            return original
        handle = node.get("h")
        if not isinstance(handle, int):
            return data
        known = self.student.copy_of(handle)
        if known is not None:
            return known
        if "out" in node:
            tensor = self.outputs[node["out"]]
        else:
            tensor = torch.nn.Parameter(data, requires_grad=bool(node.get("rg"))) if node.get("param") else data
            if node.get("rg"):
                tensor = tensor.requires_grad_()
            if node.get("grad") is not None:
                tensor.grad = self.decoder.elements(node["grad"])
        self.student.keep_copy(handle, tensor)
        return tensor


def _outputs(node: Any) -> list[Mapping[str, Json]]:
    """The JSON of each differentiable result in a value, found without recursion."""
    found: dict[Any, Mapping[str, Json]] = {}
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if item.get("t") == "tensor" and "out" in item:
                found.setdefault(item["out"], item)
            waiting.extend(v for k, v in item.items() if k == "v")
        elif isinstance(item, list):
            waiting.extend(item)
    if not all(isinstance(key, int) for key in found):
        raise WireError("the differentiable results are not numbered")
    return list(found.values())


def as_list(value: Any) -> list[Any]:
    """``value`` where it is a list; WireError where it is none."""
    if not isinstance(value, list):
        raise WireError("a list was expected")
    return value
