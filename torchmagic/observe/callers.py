"""How a function mode calls in the user's place, is known again in a traceback, and leaves torch's stack of modes."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from types import CodeType, FrameType, FunctionType
from typing import Any

import torch
from torch import overrides
from torch.overrides import TorchFunctionMode

_MOST_TRIES = 2_000
_MOST_PLACES = 20_000


class Callers:
    """Functions that call, each from one line of the user's.

    Warnings are attributed to a frame so many levels up, so they must meet the caller's line and not ours.
    """

    def __init__(self) -> None:
        self._codes: dict[tuple[str, int], CodeType] = {}
        self._made: dict[tuple[int, int], tuple[CodeType, FunctionType]] = {}  # the code lives, so its id is its own

    def at(self, frame: FrameType | None) -> Callable[..., Any]:
        """A function that calls, from a frame with the file, line and globals of ``frame``."""
        if frame is None:
            return _torchmagic_call
        instruction = (id(frame.f_code), frame.f_lasti)
        made = self._made.get(instruction)
        if made is not None and made[1].__globals__ is frame.f_globals:
            return made[1]
        if len(self._made) > _MOST_PLACES:
            self._made.clear()
        place = (frame.f_code.co_filename, frame.f_lineno)
        code = self._codes.get(place)
        if code is None:
            code = _torchmagic_call.__code__.replace(co_filename=place[0], co_firstlineno=place[1] - 1)
            self._codes[place] = code
        function = FunctionType(code, frame.f_globals)
        self._made[instruction] = (frame.f_code, function)
        return function


def caller(frame: FrameType | None, is_python: bool) -> FrameType | None:
    """The frame that called a function which came to a mode in ``frame``."""
    if is_python and frame is not None and frame.f_code.co_filename == overrides.__file__:
        return frame.f_back and frame.f_back.f_back  # handle_torch_function, the function itself
    return frame


# Its body must be the line after its first: Callers.at places it on the caller's line.
def _torchmagic_call(func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    return func(*args, **kwargs)


def is_call(code: CodeType) -> bool:
    """Whether a frame with this code is such a function's and not the user's."""
    return code.co_name == _torchmagic_call.__name__


def leave(mode: Any) -> bool:
    """Take a function mode off the stack, wherever it stands: the cell may have entered modes that stay."""
    above: list[Any] = []
    found = False
    while torch._C._len_torch_function_stack():
        top = overrides._pop_mode()
        if top is mode:
            found = True
            break
        above.append(top)
    for each in reversed(above):
        overrides._push_mode(each)
    return found


def leave_soon(mode: TorchFunctionMode) -> None:
    """Take a mode off the stack after the call that it is in: while it runs, torch holds it beside the stack.

    Only CPython's own way to run something a little later reaches that moment; elsewhere the mode stays, and only
    hands calls on.
    """
    tries = 0

    def pending(_: Any) -> int:
        nonlocal tries
        tries += 1
        if leave(mode) or tries > _MOST_TRIES or later(callback, None):
            release(ctypes.py_object(callback))
        return 0

    later: Any = ctypes.pythonapi.Py_AddPendingCall
    keep: Any = ctypes.pythonapi.Py_IncRef
    release: Any = ctypes.pythonapi.Py_DecRef
    callback: Any = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(pending)
    keep(ctypes.py_object(callback))  # it must live until C has called it
    if later(callback, None):
        release(ctypes.py_object(callback))
