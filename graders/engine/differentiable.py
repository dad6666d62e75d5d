"""Join a remote result to the judge's autograd graph: backward asks the student for vector-Jacobian products."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch.autograd.function import BackwardCFunction


class _Asks(Protocol):
    def vjp(
        self, call: int, grads: list[Any], leaves: list[int], inputs: list[torch.Tensor], count: int
    ) -> list[Any]: ...

    def forget_call(self, call: int) -> None: ...


class _RemoteResult(torch.autograd.Function):
    """Results computed elsewhere, from inputs that are here."""

    @staticmethod
    def forward(ctx: Any, link: _Link, *inputs: torch.Tensor) -> Any:
        ctx.link = link
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*inputs)
        return tuple(link.data) if len(link.data) > 1 else link.data[0]

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        link: _Link = ctx.link
        saved = list(ctx.saved_tensors)
        if not link.count and not link.leaves:
            return (None, *(None for _ in saved))
        results = link.student.vjp(link.call, list(grads), link.leaves, saved[: link.count], len(saved))
        for result, tensor in zip(results, saved, strict=True):
            if result is not None and (not isinstance(result, torch.Tensor) or result.shape != tensor.shape):
                raise RuntimeError("the gradient that came back does not have the shape of its input")
        return (None, *results)


class _Link:
    """One call of the student's: what came of it, and how to ask for its gradients."""

    def __init__(self, student: _Asks, call: int, leaves: list[int], data: list[torch.Tensor], count: int) -> None:
        self.student = student
        self.call = call
        self.leaves = leaves
        self.data = data
        self.count = count
        weakref.finalize(self, student.forget_call, call).atexit = False


def attach(
    student: _Asks,
    call: int,
    inputs: Sequence[torch.Tensor],
    leaves: Sequence[torch.Tensor],
    handles: list[int],
    data: list[torch.Tensor],
    names: Sequence[str],
) -> list[torch.Tensor]:
    """The results of a remote call as tensors of the judge's graph.

    Args:
        inputs: the judge's tensors that the call was given and that require gradients.
        leaves: the judge's copies of the student's leaves that the results hang on; ``handles`` are theirs.
        data: the results' elements.
        names: the class names of the results' grad_fn in the student's process; each result shows its own.
    """
    if len(leaves) != len(handles):
        raise RuntimeError("a leaf of the student's is not known here")
    parents = [*inputs, *leaves]
    if not parents:  # the graph of the student's ends nowhere that gradients are kept
        anchor = torch.zeros((), requires_grad=True)
        return [
            _shown(name)[0].apply(_Link(student, call, [], [item], 0), anchor)
            for item, name in zip(data, names, strict=True)
        ]
    with torch.enable_grad():
        link = _Link(student, call, handles, data, len(inputs))
        results = _shown(names[0])[0].apply(link, *parents)
    return list(results) if isinstance(results, tuple) else [results]


def _shown(name: str) -> tuple[Any]:
    """A Function whose grad_fn calls itself ``name``, as it does where the result was computed."""
    function = type("Remote", (_RemoteResult,), {})
    shown = name if name.isidentifier() else "RemoteBackward0"
    node = type(
        shown,
        (BackwardCFunction,),
        {
            "_forward_cls": function,
            "name": lambda self: shown,
            "__repr__": lambda self: f"<{shown} object at {id(self):#x}>",
        },
    )
    function._backward_cls = node  # type: ignore[attr-defined]
    return (function,)
