"""Where a call was made: the user's line, and the calls of modules that it was made in, read off Python's stack."""

from __future__ import annotations

import sysconfig
import weakref
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import torch

LIBRARIES = (
    str(Path(torch.__file__).parent),
    str(Path(__file__).parents[1]),
    *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    *("<frozen", "<eval_with_key>", "<__array_function__"),
)
"""How the names of files start that hold no code of the user's."""

_CALL = torch.nn.Module._call_impl.__code__
_MOST_FRAMES = 400
_MOST_FILES = 10_000


@dataclass(slots=True, eq=False)
class SeenModule:
    """A module that was called.

    Attributes:
        ref: the module, while it lives.
        kind: its class name.
        path: how the user reaches it, or "" while that is not known.
        numel, trainable: elements of its parameters, and of those that require gradients; None while not counted.
    """

    ref: weakref.ref[torch.nn.Module]
    kind: str
    path: str = ""
    numel: int | None = None
    trainable: int = 0


@dataclass(slots=True, eq=False)
class ModuleCall:
    """One call of a module: everything that happened between its beginning and its end is inside.

    Attributes:
        module: the module.
        parent: the call that this one was made in.
        filename, line: where the user's code made it.
    """

    module: SeenModule
    parent: ModuleCall | None
    filename: str
    line: int | None


Where = tuple[str, int | None, "ModuleCall | None"]
"""File and line of the user's ("" for a cell's own code), and the innermost call of a module."""


class Places:
    """Finds the places of calls; holds weak references to modules and no frame.

    A frame is known again by its address, as long as it lives. That it is not a new one at the address of one that
    has ended is told by a mark that only the frame itself carries: ``f_trace_lines``, which a debugger reads and
    nothing else does.
    """

    def __init__(self) -> None:
        self._modules: dict[int, SeenModule] = {}
        self._calls: dict[int, ModuleCall] = {}
        self._files: dict[str, str | None] = {}

    def at(self, frame: FrameType | None) -> Where:
        """The place of a call that the code of ``frame`` makes."""
        place: tuple[str, int | None] | None = None
        inside: ModuleCall | None = None
        new: list[tuple[FrameType, tuple[str, int | None] | None]] = []
        lacking = 0  # of the new calls, those from here on lack the user's line
        files = self._files
        for _ in range(_MOST_FRAMES):
            if frame is None:
                break
            code = frame.f_code
            if code is _CALL:
                known = None if frame.f_trace_lines else self._calls.get(id(frame))
                if known is not None:
                    inside = known
                    break
                new.append((frame, None))
            else:
                name = code.co_filename
                shown = files[name] if name in files else self._file(name)
                if shown is not None:
                    if place is None or lacking < len(new):
                        here = (shown, frame.f_lineno)
                        place = place or here
                        new[lacking:] = [(each, here) for each, _ in new[lacking:]]
                        lacking = len(new)
                    if code.co_name == "<module>":
                        break
            frame = frame.f_back
        outer = ("", None) if inside is None else (inside.filename, inside.line)
        for each, line_above in reversed(new):
            inside = self._enter(each, inside, line_above or outer)
        filename, line = place or outer
        return filename, line, inside

    def _enter(self, frame: FrameType, parent: ModuleCall | None, place: tuple[str, int | None]) -> ModuleCall | None:
        variables = frame.f_locals
        module = variables.get("self")
        if type(variables) is dict:
            variables.clear()  # before Python 3.13 the frame would keep this snapshot
        if not issubclass(type(module), torch.nn.Module):
            return parent
        call = ModuleCall(self._seen(module), parent, *place)  # type: ignore[arg-type]
        self._calls[id(frame)] = call
        frame.f_trace_lines = False
        return call

    def _seen(self, module: torch.nn.Module) -> SeenModule:
        seen = self._modules.get(id(module))
        if seen is None or seen.ref() is not module:
            seen = self._modules[id(module)] = SeenModule(weakref.ref(module), type(module).__name__)
        return seen

    def _file(self, name: str) -> str | None:
        """How a record names a file of the user's: "" for a cell; None for a library's."""
        if len(self._files) > _MOST_FILES:
            self._files.clear()
        shown: str | None = None
        if not name.startswith(LIBRARIES):
            shown = "" if name.startswith("<") or "ipykernel_" in name else name
        self._files[name] = shown
        return shown
