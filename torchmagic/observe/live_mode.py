"""The function mode under which a live cell runs: it hands every call on, and only looks at backward passes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from types import FrameType, FunctionType
from typing import Any, Protocol

import torch
from torch import overrides
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.overrides import TorchFunctionMode

from torchmagic.observe import callers, values
from torchmagic.observe.graph_mode import DESCRIPTORS, FACTS
from torchmagic.observe.graph_pass import tensors

_GRAD = torch.autograd.grad
_PASSES = frozenset({torch.Tensor.backward, torch.autograd.backward, _GRAD})
_GRADIENT = torch.Tensor.grad
_is_compiling = torch.compiler.is_compiling
_tracing = torch._C._get_tracing_state


class Looker(Protocol):
    """What is told of backward passes."""

    def before(self) -> None:
        """A pass is about to run."""

    def after(
        self,
        roots: Sequence[torch.Tensor],
        asked: Sequence[torch.Tensor] | None,
        grads: Sequence[torch.Tensor | None] | None,
        frame: FrameType | None,
    ) -> None:
        """A pass has run from these roots, to these leaves only (None: all), with these results (None: ``.grad``)."""

    def failed(self, error: Exception) -> None:
        """Looking itself failed."""


class LiveMode(TorchFunctionMode):
    """Tells of the passes that fill gradients of leaves. While an optimizer steps it stands aside.

    A pass with ``create_graph=True`` by ``torch.autograd.grad`` is a part of a loss, and no step.
    """

    def __init__(self, looker: Looker) -> None:
        super().__init__()
        self._looker = looker
        self._callers = callers.Callers()
        self._handles: list[Any] = []
        self._aside = False

    def enter(self) -> None:
        """Begin to look."""
        self._handles = [
            register_optimizer_step_pre_hook(self._step_begins),
            register_optimizer_step_post_hook(self._step_ended),
        ]
        self.__enter__()  # type: ignore[no-untyped-call]

    def leave(self) -> None:
        """Take the mode off the stack, wherever it stands, and the two hooks with it."""
        while self._handles:
            self._handles[-1].remove()
            self._handles.pop()
        callers.leave(self)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if kwargs is None:
            kwargs = {}
        if type(func) in DESCRIPTORS and (func in FACTS or _of_leaf(func, args)):
            return func(*args, **kwargs)
        if _is_compiling() or _tracing() is not None:
            return func(*args, **kwargs)  # a compiler traces the cell: let it see the plain call
        is_python = type(func) is FunctionType
        frame = callers.caller(sys._getframe(1), is_python)
        call = self._callers.at(frame)
        if not is_python or func not in _PASSES or (func is _GRAD and _goes_on(args, kwargs)):
            return call(func, args, kwargs)
        return self._pass(call, func, args, kwargs, frame)

    def _pass(
        self,
        call: Callable[..., Any],
        func: Any,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        frame: FrameType | None,
    ) -> Any:
        self._told(self._looker.before)
        out = call(func, args, kwargs)
        self._told(self._seen, func, args, kwargs, out, frame)
        return out

    def _seen(
        self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], out: Any, frame: FrameType | None
    ) -> None:
        given = args[0] if args else kwargs.get("self", kwargs.get("outputs", kwargs.get("tensors")))
        roots = [tensor for tensor in tensors(given) if tensor.requires_grad and not values.wrapped(tensor)]
        asked, grads = kwargs.get("inputs"), None
        if func is _GRAD:
            asked = args[1] if len(args) > 1 else asked
            grads = tuple(tensors(_listed(out), keep_none=True))
        leaves = None if asked is None else list(tensors(_listed(asked)))
        if roots and (leaves is None or any(leaf.is_leaf for leaf in leaves)):
            self._looker.after(roots, leaves, grads, frame)

    def _told(self, tell: Callable[..., None], *facts: Any) -> None:
        """Tell of something. An error of ours is not the user's; an interrupt is, and shows none of our frames."""
        interrupted = False
        try:
            with torch._C.DisableTorchFunction():
                tell(*facts)
        except KeyboardInterrupt:
            interrupted = True
        except Exception as error:
            self._looker.failed(error)
        if interrupted:
            raise KeyboardInterrupt

    def _step_begins(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """An optimizer asks thousands of small facts, and runs no backward pass but in a closure."""
        closure = args[1] if len(args) > 1 else kwargs.get("closure")
        if closure is None and torch._C._len_torch_function_stack() and overrides._get_current_function_mode() is self:
            overrides._pop_mode()
            self._aside = True

    def _step_ended(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._aside:
            self._aside = False
            if self._handles:
                overrides._push_mode(self)


def _of_leaf(func: Any, args: tuple[Any, ...]) -> bool:
    """Whether it reads or writes ``.grad`` of a leaf, which never warns; each step does for each of its leaves."""
    return getattr(func, "__self__", None) is _GRADIENT and args[0].is_leaf


def _goes_on(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Whether the gradients are to be derived again."""
    return bool(kwargs.get("create_graph", args[4] if len(args) > 4 else False))


def _listed(given: Any) -> Any:
    """The values of a dict; anything else as it is."""
    return list(given.values()) if isinstance(given, dict) else given
