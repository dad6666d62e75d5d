"""Memory that a judge and a student's process share, for the elements of tensors that are on their way.

A copy into it and a copy out of it take a fraction of what the same bytes take through a socket. What lies there is
numbers and nothing else, and the judge looks at them only after it has copied them: it does not matter that the other
side could still write. The student's process, which has nothing to fear from the judge, works on large tensors where
they lie, and tells which places it still holds. The memory cannot be made smaller or larger by either side.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the process that makes the memory does without torch
    import torch

BYTES = 8 << 20  # in each direction
LEAST = 32 << 10  # smaller tensors go through the socket: that saves nothing there
LENT = 256 << 10  # tensors of the judge's that are at least so large stay there
_MOST_HELD = BYTES // LENT
_ALIGNED = 64
_SEALS = 0x0001 | 0x0002 | 0x0004  # F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW; fcntl(2)
_ADD_SEALS = 1033


def make_arena() -> int:
    """A descriptor of memory for an arena, of a size that nobody can change."""
    descriptor = os.memfd_create("arena", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, 2 * BYTES)
    fcntl.fcntl(descriptor, _ADD_SEALS, _SEALS)
    return descriptor


class Arena:
    """One side's view of the shared memory; ``first`` is True for the judge's.

    Args:
        descriptor: as :func:`make_arena` gives it; it can be closed afterwards.
    """

    def __init__(self, descriptor: int, *, first: bool) -> None:
        import torch

        self._memory = memoryview(mmap.mmap(descriptor, 2 * BYTES))
        whole = torch.frombuffer(self._memory, dtype=torch.uint8)
        self._outgoing, self._incoming = whole.split(BYTES) if first else whole.split(BYTES)[::-1]
        self._start = BYTES if first else 0  # of the incoming half
        self._lends = not first
        self._lent: list[tuple[int, int, weakref.ref[memoryview]]] = []
        self._held: list[tuple[int, int]] = []

    def place(self, sizes: list[int]) -> list[int | None]:
        """Where to put tensors of so many bytes; None for those that are small, or for which there is no room.

        >>> Arena(make_arena(), first=True).place([8, 100_000, 1 << 30, 100_000])
        [None, 0, None, 100032]
        """
        places: list[int | None] = []
        used = 0
        for size in sizes:
            at = self._free(used, size) if size >= LEAST else None
            places.append(at)
            used = used if at is None else at + -(-size // _ALIGNED) * _ALIGNED
        return places

    def _free(self, start: int, size: int) -> int | None:
        """The first place from ``start`` on where so many bytes are free."""
        for held, length in self._held:
            if start + size <= held:
                break
            start = max(start, held + -(-length // _ALIGNED) * _ALIGNED)
        return start if start + size <= BYTES else None

    def holds(self, place: object, size: int) -> bool:
        """Whether so many bytes can lie at that place."""
        return type(place) is int and 0 <= place <= BYTES - size

    def put(self, place: int, elements: torch.Tensor) -> None:
        """Copy bytes into the outgoing half."""
        self._outgoing[place : place + elements.numel()].copy_(elements)

    def take(self, place: int, room: torch.Tensor) -> None:
        """Copy bytes out of the incoming half, from where it ``holds`` them."""
        room.copy_(self._incoming[place : place + room.numel()])

    def lend(self, place: int, shape: list[int], dtype: torch.dtype, size: int) -> torch.Tensor | None:
        """The tensor of so many bytes that lies in the incoming half, where it lies; None where it is to be copied."""
        if not self._lends or size < LENT or place % _ALIGNED:
            return None
        import torch

        start = self._start + place
        part = self._memory[start : start + size]  # the tensor's memory holds on to it
        self._lent.append((place, size, weakref.ref(part)))
        flat = torch.frombuffer(part, dtype=dtype)
        if len(shape) == 1:
            return flat
        # not a view of the flat one: it has to be what its original is, the base of its own views
        strides = torch.empty(shape, dtype=dtype, device="meta").stride()
        return torch.empty(0, dtype=dtype).set_(flat.untyped_storage(), 0, torch.Size(shape), strides)

    def lent(self) -> list[list[int]]:
        """The places, with their sizes, where tensors lie that are in use here."""
        if self._lent:
            self._lent = [entry for entry in self._lent if entry[2]() is not None]
        return [[place, size] for place, size, _ in self._lent]

    def keep(self, held: Any) -> None:
        """Leave these places of the outgoing half as they are: the other side uses what lies there.

        Raises:
            ValueError: it is no list of places and sizes.
        """
        if not held:
            self._held = []
            return
        places = [(place, size) for place, size in held]
        if len(places) > _MOST_HELD or not all(
            type(size) is int and size > 0 and self.holds(place, size) for place, size in places
        ):
            raise ValueError("no places")
        self._held = sorted(places)
