"""Where observing happens: outside autograd, modes, transforms, tracing and autocast, so that none of them sees it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, TypeVar

import torch
from torch.utils._python_dispatch import _disable_current_modes

F = TypeVar("F", bound=Callable[..., Any])
_C: Any = torch._C
_KEY = torch._C.DispatchKey
_TRANSFORMS = torch._C.DispatchKeySet(_KEY.FuncTorchDynamicLayerFrontMode) | torch._C.DispatchKeySet(
    _KEY.FuncTorchDynamicLayerBackMode
)


class Quiet:
    """A ``with`` block whose operations leave no trace: no graph, and nothing that a mode of the user's could see.

    >>> with Quiet():
    ...     (torch.ones(1, requires_grad=True) * 2).requires_grad
    False
    """

    __slots__ = ("_stack",)

    def __enter__(self) -> None:
        self._stack = stack = ExitStack()
        stack.enter_context(torch._C.DisableTorchFunction())
        stack.enter_context(torch.no_grad())
        if torch._C._len_torch_dispatch_stack():
            stack.enter_context(_disable_current_modes())
        if torch._C._functorch.maybe_current_level() is not None:
            stack.enter_context(torch._C._ExcludeDispatchKeyGuard(_TRANSFORMS))
        tracing = torch._C._get_tracing_state()
        if tracing is not None:
            stack.callback(_C._set_tracing_state, tracing)
            _C._set_tracing_state(None)
        if torch._C._is_any_autocast_enabled():
            for device in ("cpu", "cuda"):
                if torch.is_autocast_enabled(device):
                    stack.enter_context(torch.autocast(device, enabled=False))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, traceback)


def uncompiled(function: F) -> F:
    """The function as ``torch.compile`` must leave it: run as it is, at its place, and not traced.

    >>> uncompiled(len)([1])
    1
    """
    dynamo = sys.modules.get("torch._dynamo")
    return function if dynamo is None else dynamo.disable(function)
