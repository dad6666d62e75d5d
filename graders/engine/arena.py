"""Memory that a judge and a student's process share, for the elements of tensors that are on their way.

A copy into it and a copy out of it take a fraction of what the same bytes take through a socket. What lies there is
numbers and nothing else, and the receiver looks at them only after it has copied them: it does not matter that the
other side could still write. The memory cannot be made smaller or larger by either side.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the process that makes the memory does without torch
    import torch

BYTES = 8 << 20  # in each direction
LEAST = 32 << 10  # smaller tensors go through the socket: that saves nothing there
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
    """One side's view of the shared memory; ``first`` is True for one of the two sides.

    Args:
        descriptor: as :func:`make_arena` gives it; it can be closed afterwards.
    """

    def __init__(self, descriptor: int, *, first: bool) -> None:
        import torch

        memory = mmap.mmap(descriptor, 2 * BYTES)
        whole = torch.frombuffer(memory, dtype=torch.uint8)
        self._outgoing, self._incoming = whole.split(BYTES) if first else whole.split(BYTES)[::-1]

    def place(self, sizes: list[int]) -> list[int | None]:
        """Where to put tensors of so many bytes; None for those that are small, or for which there is no room.

        >>> Arena(make_arena(), first=True).place([8, 100_000, 1 << 30, 100_000])
        [None, 0, None, 100032]
        """
        places: list[int | None] = []
        used = 0
        for size in sizes:
            fits = size >= LEAST and used + size <= BYTES
            places.append(used if fits else None)
            used += -(-size // _ALIGNED) * _ALIGNED if fits else 0
        return places

    def holds(self, place: object, size: int) -> bool:
        """Whether so many bytes can lie at that place."""
        return type(place) is int and 0 <= place <= BYTES - size

    def put(self, place: int, elements: torch.Tensor) -> None:
        """Copy bytes into the outgoing half."""
        self._outgoing[place : place + elements.numel()].copy_(elements)

    def take(self, place: int, room: torch.Tensor) -> None:
        """Copy bytes out of the incoming half, from where it ``holds`` them."""
        room.copy_(self._incoming[place : place + room.numel()])
