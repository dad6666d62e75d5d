"""Which calls changed tensors in place, and where: who changed what autograd had saved, who zeroed a gradient.

It keeps places in the code, versions and weak references, bounded in number.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from torchmagic.observe import names
from torchmagic.observe.graph_walk import version_of

_SKIP = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]), "<frozen", "<eval_with_key>")
_OPTIMIZERS = str(Path(torch.__file__).parent / "optim")
_PLAIN = frozenset({torch.Tensor, torch.nn.Parameter})
_NOT_CHANGES = frozenset(
    {
        *("requires_grad_", "detach_", "retain_grad_", "share_memory_", "rename_", "resize_", "squeeze_", "unsqueeze_"),
        *("t_", "transpose_", "swapaxes_", "swapdims_", "as_strided_", "__setstate__"),
    }
)
_OPERATORS = {
    "__iadd__": "+=",
    "__isub__": "-=",
    "__imul__": "*=",
    "__itruediv__": "/=",
    "__idiv__": "/=",
    "__ipow__": "**=",
    "__ifloordiv__": "//=",
    "__iand__": "&=",
    "__ior__": "|=",
    "__ixor__": "^=",
    "__setitem__": "[…] =",
}
_ZEROING = frozenset({"zero_", "_foreach_zero_"})
_EACH = 6
_MOST = 2_000
_MOST_OF_A_LIST = 400


@dataclass(slots=True, eq=False)
class Write:
    """A change in place.

    Attributes:
        operation: ``"add_"``, ``"[…] ="``, ``"optimizer.step()"``.
        filename, line: of the user's code.
        version: of the tensor afterwards.
        at: the sequence number that the next autograd node would get.
        ref: the tensor, weakly.
        memory: which memory it is on, as a number.
        shape: of the tensor.
        name: of the variable that held it, where that was easy to see.
    """

    operation: str
    filename: str
    line: int
    version: int
    at: int
    ref: weakref.ref[torch.Tensor]
    memory: int = 0
    shape: tuple[int, ...] = ()
    name: str = ""


class Writes:
    """Sees the calls of a cell, and knows who changed a tensor last.

    >>> writes = Writes()
    >>> t = torch.ones(2)
    >>> writes.saw(torch.Tensor.add_, (t, 1), {}, t.add_(1), None)
    >>> [(write.operation, write.version) for write in writes.of(t)]
    [('add_', 1)]
    """

    def __init__(self) -> None:
        self._writes: dict[int, list[Write]] = {}

    def of(self, tensor: torch.Tensor) -> list[Write]:
        """The last changes of the tensor's memory, through it or through a view."""
        return list(self._writes.get(_memory(tensor), ()))

    def all(self) -> list[Write]:
        """The last changes of everything."""
        return [write for writes in self._writes.values() for write in writes]

    def zeroed_since(self, tensor: torch.Tensor, at: int) -> bool:
        """Whether a call set all of it to zero since there was that sequence number."""
        return any(write.operation in _ZEROING and write.at >= at for write in self.of(tensor))

    def saw(
        self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], out: Any, frame: FrameType | None
    ) -> None:
        """Look at a call that has ended."""
        name = getattr(func, "__name__", "")
        if name[-1:] == "_":
            if (name[-2:] == "__" and name not in _OPERATORS) or name in _NOT_CHANGES:
                return
            targets = args[:1]
        elif kwargs and "out" in kwargs:
            targets = (kwargs["out"],)
        elif kwargs and kwargs.get("inplace") is True:
            targets = args[:1]
            name = f"{name}(inplace=True)"
        else:
            return
        for target in targets:
            items = target[:_MOST_OF_A_LIST] if type(target) in (list, tuple) else (target,)
            place: tuple[str, str, int] | None = None
            for tensor in items:
                if type(tensor) in _PLAIN and tensor.layout is torch.strided and tensor.device.type != "meta":
                    place = place or _place(name, frame)
                    self._add(tensor, place, frame if len(items) == 1 else None)

    def _add(self, tensor: torch.Tensor, place: tuple[str, str, int], frame: FrameType | None) -> None:
        if len(self._writes) >= _MOST:
            for old in list(self._writes)[: _MOST // 2]:
                del self._writes[old]
        at = torch._C._autograd._get_sequence_nr()
        memory = _memory(tensor)
        shape = tuple(tensor.shape)
        write = Write(*place, version_of(tensor), at, weakref.ref(tensor), memory, shape, _name(tensor, frame))
        known = self._writes.setdefault(memory, [])
        known.append(write)
        del known[:-_EACH]


def _memory(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _name(tensor: torch.Tensor, frame: FrameType | None) -> str:
    """The variable of the calling code that holds the tensor, or the one that it is a view of."""
    if frame is None or frame.f_code.co_filename.startswith(_SKIP):
        return ""
    base = tensor._base
    found = ""
    for name, value in names.nearest_variables(frame, _SKIP, 1):
        if value is tensor:
            return name
        if base is not None and value is base:
            found = name
    return found


def _place(name: str, frame: FrameType | None) -> tuple[str, str, int]:
    operation = _OPERATORS.get(name, name)
    while frame is not None and frame.f_code.co_filename.startswith(_SKIP):
        code = frame.f_code
        if code.co_name == "step" and code.co_filename.startswith(_OPTIMIZERS):
            operation = "optimizer.step()"
        frame = frame.f_back
    return (operation, "", 0) if frame is None else (operation, frame.f_code.co_filename, frame.f_lineno)
