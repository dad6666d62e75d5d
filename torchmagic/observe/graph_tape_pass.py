"""One backward pass for ``--check``: the elements of leaves' gradients that are compared, as autograd gave them."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import torch

from torchmagic.observe import names
from torchmagic.observe.graph_tape_values import Slot, TapedCall

ELEMENTS = 16
"""So many elements of a leaf are compared at most."""
_MOST_LEAVES = 64
_MOST_DENSE = 10_000_000


@dataclass(slots=True)
class LeafReader:
    """A leaf, and the sampled elements of the gradient that arrives there.

    Attributes:
        name: the user's name for it, or "".
        positions: which elements, in the flat order.
        grads: what arrived, one for each position; None where none did.
        hooked: whether hooks of the user's stand on it.
    """

    ref: weakref.ref[torch.Tensor]
    ident: int
    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    positions: list[int]
    hooked: bool = False
    grads: torch.Tensor | None = None
    problem: str = ""

    def read(self, grad: Any) -> None:
        """Keep the sampled elements of a gradient; waits for no device."""
        with torch._C.DisableTorchFunction(), torch.no_grad():
            if grad is None:
                return
            if type(grad) not in (torch.Tensor, torch.nn.Parameter):
                self.problem = f"its gradient is a {type(grad).__name__}"
                return
            if torch._C._len_torch_dispatch_stack():
                self.problem = "a TorchDispatchMode of yours was active"
                return
            plain = grad.detach()
            if plain.layout is not torch.strided:
                if plain.numel() > _MOST_DENSE:
                    self.problem = "its gradient is sparse and large"
                    return
                plain = plain.to_dense()
            self.grads = plain.reshape(-1)[torch.tensor(self.positions, dtype=torch.long, device=plain.device)]


@dataclass(slots=True)
class TapedPass:
    """What is needed to compare the gradients of one pass.

    Attributes:
        calls: the computation that led to it.
        roots: where it began: slot, the value seen, and the gradient given (None for 1).
        leaves: whose gradients are compared.
        reason: why none can be, or "".
        label: the user's name of the first root, or "".
        line: of the call that ran the pass.
    """

    roots: list[tuple[Slot, torch.Tensor, torch.Tensor | None]] = field(default_factory=list)
    calls: list[TapedCall] = field(default_factory=list)
    leaves: list[LeafReader] = field(default_factory=list)
    more: int = 0
    reason: str = ""
    label: str = ""
    line: int = 0


def positions(numel: int) -> list[int]:
    """The elements that are compared: all of a small leaf, else some, evenly spread.

    >>> positions(3), positions(1000)[:3]
    ([0, 1, 2], [31, 93, 156])
    """
    if numel <= ELEMENTS:
        return list(range(numel))
    return [(2 * i + 1) * numel // (2 * ELEMENTS) for i in range(ELEMENTS)]


def leaf_nodes(roots: Sequence[torch.Tensor]) -> list[Any]:
    """The AccumulateGrad nodes below tensors."""
    found: list[Any] = []
    stack: list[Any] = [torch.autograd.graph.get_gradient_edge(root).node for root in roots]
    seen = set(stack)
    while stack:
        node = stack.pop()
        if type(node).__name__ == "AccumulateGrad":
            found.append(node)
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                stack.append(following)
    return found


def readers(variables: Sequence[torch.Tensor], known: Mapping[int, str]) -> tuple[list[LeafReader], int]:
    """A reader for each leaf, and how many leaves there are beyond a limit."""
    found = [
        LeafReader(
            weakref.ref(leaf),
            id(leaf),
            known.get(id(leaf), ""),
            tuple(leaf.shape),
            leaf.dtype,
            positions(leaf.numel()),
            bool(leaf._backward_hooks),
        )
        for leaf in variables[:_MOST_LEAVES]
    ]
    return found, max(0, len(variables) - _MOST_LEAVES)


def name_leaves(variables: Sequence[torch.Tensor], frame: FrameType | None, skip: tuple[str, ...]) -> dict[int, str]:
    """The user's names of tensors, from the variables of the frames around a call."""
    wanted = {id(leaf) for leaf in variables}
    found: dict[int, str] = {}
    for scope in names.frame_variables(frame, skip):
        for name, tensor in names.named_tensors(scope):
            if id(tensor) in wanted:
                found.setdefault(id(tensor), name)
        if len(found) == len(wanted):
            break
    return found


def pass_arguments(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[list[Any], list[Any], Any]:
    """The roots of a call of ``backward`` or ``grad``, the gradients given for them, and the inputs asked for."""
    is_grad = func is torch.autograd.grad

    def argument(number: int, *keys: str) -> Any:
        return args[number] if len(args) > number else next((kwargs[key] for key in keys if key in kwargs), None)

    roots = _listed(argument(0, "outputs", "tensors", "self"))
    given = _listed(argument(2 if is_grad else 1, "grad_outputs", "grad_tensors", "gradient"))
    given += [None] * (len(roots) - len(given))
    return roots, given, argument(1, "inputs") if is_grad else None


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def install(nodes: Sequence[Any], found: Sequence[LeafReader], handles: list[Any]) -> None:
    """Have each leaf's gradient read as it arrives; the handles go into ``handles`` as they are made."""
    by_leaf = {reader.ident: reader for reader in found}
    for node in nodes:
        reader = by_leaf.get(id(node.variable))
        if reader is not None:
            handles.append(node.register_prehook(_hook(reader)))


def _hook(reader: LeafReader) -> Callable[[Sequence[Any]], None]:
    def read(grads: Sequence[Any]) -> None:
        try:
            reader.read(grads[0])
        except Exception as error:  # ours: the pass goes on
            reader.problem = f"its gradient could not be read ({type(error).__name__})"

    return read
