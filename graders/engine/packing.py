"""What one side packs into a message, and how the other unpacks it: values, shared tensors, and the graph between them.

Arguments and results differ in what becomes of a tensor that is no leaf. Among arguments its graph is cut: the copy
hangs on a leaf of its own, and gradients that reach that leaf are the original's. Among results the graph goes on: the
copy's ``grad_fn`` asks the sender for vector-Jacobian products.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from graders.engine.decoding import Decoder
from graders.engine.differentiable import Asks, Call, Calls, attach, reachable_leaves
from graders.engine.shared_tensors import OWNERS, Name, SharedTensors, state_of
from graders.engine.values import Encoder, Json
from graders.engine.wire import WireError


class Side(Protocol):
    """What packing needs to know of the process that it runs in."""

    tensors: SharedTensors
    calls: Calls
    containers: Containers

    @property
    def other(self) -> Asks:
        """The other side, to be asked for gradients."""

    def refer(self, value: object, packer: Packer) -> dict[str, Json]:
        """The JSON for what is not data."""

    def resolve(self, node: Mapping[str, Json], unpacker: Unpacker) -> object:
        """What such JSON stands for; WireError where it stands for nothing."""


@dataclass
class Containers:
    """The containers of the judge's that a function was given, by number: what it changes in place comes back.

    The judge keeps the originals; the student's side the copies, and what was in them.
    """

    by_number: dict[int, Any] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)
    before: dict[int, Any] = field(default_factory=dict)
    last: int = 0

    def number(self, container: Any) -> int:
        """The number of a container of the judge's."""
        known = self.numbers.get(id(container))
        if known is None:
            self.last += 1
            known = self.last
            self.keep(known, container)
        return known

    def keep(self, number: int, container: Any) -> None:
        """Remember a container under its number."""
        self.by_number[number] = container
        self.numbers[id(container)] = number

    def clear(self) -> None:
        """The request that the containers were arguments of is done."""
        self.by_number.clear()
        self.numbers.clear()
        self.before.clear()


class Packer:
    """Packs one message of ``side``: arguments, or ``results``."""

    def __init__(self, side: Side, *, results: bool, taken: Mapping[str, torch.Tensor] | None = None) -> None:
        self._side = side
        self._results = results
        self._outputs: list[torch.Tensor] = []
        self.encoder = Encoder(
            lambda value: side.refer(value, self), lambda tensor, _: self.tensor(tensor), self._mark, dict(taken or {})
        )

    @property
    def elements(self) -> dict[str, torch.Tensor]:
        """The tensors to send beside the JSON."""
        return self.encoder.tensors

    def pack(self, value: object) -> Json:
        """The JSON for a value."""
        return self.encoder.encode(value)

    def close(self, header: dict[str, Json]) -> None:
        """Add to a header what the results that were packed hang on; the packer is of no use afterwards."""
        if self._outputs:
            parents = [leaf for leaf in reachable_leaves(self._outputs) if leaf.requires_grad and self._alive(leaf)]
            header["parents"] = [self._parent(leaf) for leaf in parents]
            header["call"] = self._side.calls.remember(Call(parents, self._outputs))
        self._outputs = []
        self.encoder.reference, self.encoder.tensor, self.encoder.marked = _spent, _spent, _spent  # no cycle

    def tensor(self, tensor: torch.Tensor) -> dict[str, Json]:
        """The JSON for a tensor, without its tag: one of the other side's goes back by its name alone."""
        shared = self._side.tensors
        name = shared.name_of(tensor)
        if name is not None and name[0] != shared.me:
            if not self._went_on(tensor, name):
                cut = not self._results and not tensor.is_leaf and tensor.requires_grad
                return {"o": name[0], "n": name[1], **({"cut": True} if cut else {})}
            shared.disown(tensor)
        facts: dict[str, Json] = self.encoder.plain(tensor)
        if name is not None and name[0] == shared.me and state_of(tensor).version == shared.version_known(name):
            facts["still"] = True  # any change went past the version counter, as through .data
        owner, number = shared.export(tensor)
        facts.update(o=owner, n=number, rg=tensor.requires_grad)
        if isinstance(tensor, torch.nn.Parameter):
            facts["param"] = True
        if tensor.is_leaf and tensor.grad is not None:
            facts["grad"] = self.encoder.plain(tensor.grad)
        elif not tensor.is_leaf and not self._results:
            facts["cut"] = True
        elif not tensor.is_leaf:
            facts.update(out=len(self._outputs), fn=type(tensor.grad_fn).__name__)
            self._outputs.append(tensor)
        return facts

    def _went_on(self, tensor: torch.Tensor, name: Name) -> bool:
        """Whether the student's copy of a tensor was changed in place and has a history of its own since."""
        shared = self._side.tensors
        return (
            shared.me == "s"
            and tensor.requires_grad
            and not tensor.is_leaf
            and state_of(tensor).version != shared.version_known(name)
        )

    def _alive(self, leaf: torch.Tensor) -> bool:
        """Whether the tensor that a leaf was cut from, if it was, is still there to take a gradient."""
        name = self._side.tensors.cut_name(leaf)
        return name is None or self._side.tensors.get(name) is not None

    def _parent(self, leaf: torch.Tensor) -> Json:
        name = self._side.tensors.cut_name(leaf)
        if name is not None:
            return {"t": "tensor", "o": name[0], "n": name[1]}
        return {"t": "tensor", **self.tensor(leaf)}

    def _mark(self, container: object) -> dict[str, Json]:
        containers, me = self._side.containers, self._side.tensors.me
        if me == "s":
            known = containers.numbers.get(id(container))
            return {} if known is None else {"t": "ref", "was": known}
        if self._results:
            return {}
        if id(container) in containers.numbers:
            return {"t": "ref", "was": containers.numbers[id(container)]}
        return {"m": containers.number(container)}


def _spent(*_: Any) -> Any:
    raise RuntimeError("this message is packed")


class Unpacker:
    """Unpacks one message that came to ``side``."""

    def __init__(self, side: Side, elements: Mapping[str, torch.Tensor]) -> None:
        self._side = side
        self._outputs: dict[int, torch.Tensor] = {}
        self.decoder = Decoder(
            elements, lambda node: self._resolve(node), lambda node, _: self._tensor(node), self._made
        )

    def unpack(self, node: Json) -> Any:
        """The value that JSON stands for; WireError where it stands for none."""
        return self.decoder.decode(node)

    def result(self, header: Mapping[str, Json], field: str = "value") -> Any:
        """A reply's value, joined to this process's graph."""
        if "call" in header:
            self._attach(header, header.get(field))
        return self.unpack(header.get(field))

    def close(self) -> None:
        """Let go of all that came; the unpacker is of no use afterwards."""
        self._outputs = {}
        self.decoder.reference, self.decoder.tensor, self.decoder.made = _spent, _spent, _spent

    def _resolve(self, node: Mapping[str, Json]) -> object:
        if "was" in node:
            found = self._side.containers.by_number.get(node["was"])
            if found is None:
                raise WireError("a container that was never sent")
            return found
        return self._side.resolve(node, self)

    def _made(self, node: Mapping[str, Json], value: object) -> None:
        if type(node["m"]) is int:
            self._side.containers.keep(node["m"], value)

    def _attach(self, header: Mapping[str, Json], value: Json) -> None:
        nodes = sorted(_outputs(value), key=lambda node: int(node["out"]))
        if not nodes or [node["out"] for node in nodes] != list(range(len(nodes))):
            raise WireError("the differentiable results are not numbered")
        parents = [self.unpack(node) for node in as_list(header.get("parents"))]
        if not all(isinstance(parent, torch.Tensor) and parent.requires_grad for parent in parents):
            raise WireError("a result hangs on something that takes no gradient")
        data = [self.decoder.elements(node) for node in nodes]
        if not all(item.is_floating_point() or item.is_complex() for item in data):
            raise WireError("a differentiable result is not of a floating dtype")
        if type(header["call"]) is not int:
            raise WireError("a call is no number")
        names = [str(node.get("fn", ""))[:80] for node in nodes]
        self._outputs = dict(enumerate(attach(self._side.other, header["call"], parents, data, names)))

    def _tensor(self, node: Mapping[str, Json]) -> torch.Tensor:
        name = (node["o"], node["n"])
        if name[0] not in OWNERS or type(name[1]) is not int:
            raise WireError("a tensor without a name")
        shared = self._side.tensors
        known = shared.get(name)
        if name[0] == shared.me:
            if known is None:
                raise WireError("a tensor that was never sent")
            return self._cut(known.detach(), name) if node.get("cut") and not known.is_leaf else known
        if known is not None and "i" not in node:
            return known
        data = self._outputs[node["out"]] if "out" in node else self.decoder.elements(node)
        if known is not None and self._still(known, data, node):
            return known
        tensor = self._made_of(data, node, name)
        shared.keep(name, tensor)
        return tensor

    def _still(self, known: torch.Tensor, data: torch.Tensor, node: Mapping[str, Json]) -> bool:
        """Whether the copy that is here will do, brought up to date."""
        if known.shape != data.shape or known.dtype != data.dtype or known.requires_grad != bool(node.get("rg")):
            return False
        if node.get("cut") or known.is_leaf == ("out" in node):
            return False
        with torch.no_grad():
            if not torch.equal(known, data.detach()):
                if not known.is_leaf:
                    return False
                (known.data if node.get("still") else known).copy_(data)
            if known.is_leaf:
                grad = None if node.get("grad") is None else self.decoder.elements(node["grad"])
                if grad is None or known.grad is None or not torch.equal(known.grad, grad):
                    known.grad = grad
        self._side.tensors.note((node["o"], node["n"]), known)
        return True

    def _made_of(self, data: torch.Tensor, node: Mapping[str, Json], name: Name) -> torch.Tensor:
        if "out" in node:
            return data
        if node.get("cut"):
            return self._cut(data, name)
        if node.get("param"):
            data = torch.nn.Parameter(data, requires_grad=bool(node.get("rg")))
        elif node.get("rg"):
            data.requires_grad_()
        if node.get("grad") is not None:
            data.grad = self.decoder.elements(node["grad"])
        return data

    def _cut(self, data: torch.Tensor, name: Name) -> torch.Tensor:
        """A tensor that is no leaf, as the original, on a leaf that stands for it."""
        base = data.requires_grad_()
        self._side.tensors.cut(base, name)
        with torch.enable_grad():
            return base.clone()


def _outputs(node: Any) -> list[Mapping[str, Json]]:
    """The JSON of each differentiable result in a value, found without recursion."""
    found: dict[Any, Mapping[str, Json]] = {}
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if item.get("t") == "tensor" and "out" in item:
                found.setdefault(item["out"], item)
            waiting.extend(v for k, v in item.items() if k in _HOLDS)
        elif isinstance(item, list):
            waiting.extend(item)
    if not all(type(key) is int for key in found):
        raise WireError("the differentiable results are not numbered")
    return list(found.values())


#: Where in a value's JSON other values stand.
_HOLDS = ("v", "attributes", "tensors", "modules", "groups", "state")


def as_list(value: Any) -> list[Any]:
    """``value`` where it is a list; WireError where it is none."""
    if not isinstance(value, list):
        raise WireError("a list was expected")
    return value
