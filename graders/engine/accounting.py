"""What a submission takes of the machine's memory, over all its processes, read from /proc.

Counted are each process's own memory, resident or swapped, its page tables, and what the kernel may hold for its open
descriptors beyond a number that ordinary programs keep to. Not counted is memory behind files of the scratch folder,
mapped or not: the folder's size limits it already. Memory of any other kind (shared mappings without a file, memfd,
System V) a walled process cannot get, see :mod:`.seccomp`.

Twice, since the kernel's exact figure costs a millisecond and more for each process: first a figure that is never too
low but for what the first process was born with, then, only if that is over the limit, one that divides each page that
several processes share among them (smaps_rollup's Pss_Anon).

Facts: proc_pid_status(5), proc_pid_smaps(5), Documentation/filesystems/proc.rst.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

_OWN_NOW = (b"RssAnon:", b"VmSwap:", b"VmPTE:")
_OWN_EXACTLY = (b"Pss_Anon:", b"SwapPss:")
#: Descriptors that come free, over all processes, and what each further one counts: a socket's two default buffers.
_FREE_DESCRIPTORS = 512
_DESCRIPTOR_BYTES = 2 * 212_992


def kibibytes(text: bytes, fields: Iterable[bytes]) -> int:
    """The sum of some fields of a file of /proc, in bytes.

    >>> kibibytes(b"Name: x\\nRssAnon:   4 kB\\nVmSwap:  1 kB\\n", [b"RssAnon:", b"VmSwap:"])
    5120
    """
    wanted = tuple(fields)
    return sum(int(line.split()[1]) << 10 for line in text.splitlines() if line.startswith(wanted))


def _read(path: str) -> bytes:
    """As bytes: a process chooses its own name, and it need not be text."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:  # it has ended
        return b""


def own_memory(process: int | str, proc: str = "/proc") -> int:
    """Bytes that a process holds by itself or shares with those it was forked from and forked; 0 if it has ended.

    Args:
        proc: where the process table is to be seen; likewise below.
    """
    return kibibytes(_read(f"{proc}/{process}/status"), _OWN_NOW)


def resident(process: int | str) -> int:
    """Bytes that a process has in memory, files that it maps among them."""
    return kibibytes(_read(f"/proc/{process}/status"), [b"VmRSS:"])


def exact_memory(process: int | str, proc: str = "/proc") -> int:
    """The same with each page divided among the processes that share it; slower."""
    text = _read(f"{proc}/{process}/smaps_rollup")
    return kibibytes(text, _OWN_EXACTLY) if text else own_memory(process, proc)


def descriptors(process: int | str, proc: str = "/proc") -> int:
    """How many files a process has open."""
    folder = f"{proc}/{process}/fd"
    try:
        return os.stat(folder).st_size or len(os.listdir(folder))  # Linux before 6.2 gives no size
    except OSError:
        return 0


def descriptor_memory(count: int) -> int:
    """What the kernel may hold for that many descriptors.

    >>> descriptor_memory(100), descriptor_memory(514)
    (0, 851968)
    """
    return max(0, count - _FREE_DESCRIPTORS) * _DESCRIPTOR_BYTES


def memory_in_use(processes: Iterable[int], born_with: int, proc: str = "/proc") -> int:
    """Bytes that the processes take together, never too low but for what the first was born with, and quickly found."""
    total = files = 0
    for process in processes:
        total += own_memory(process, proc)
        files += descriptors(process, proc)
    return max(0, total - born_with) + descriptor_memory(files)


def over(limit: int, processes: Iterable[int], born_with: int, proc: str = "/proc") -> bool:
    """Whether processes take more than ``limit`` together."""
    listed = list(processes)
    if memory_in_use(listed, born_with, proc) <= limit:
        return False
    files = sum(descriptors(process, proc) for process in listed)
    return sum(exact_memory(process, proc) for process in listed) + descriptor_memory(files) > limit


def all_processes(proc: str = "/proc") -> list[int]:
    """The processes that /proc shows; none where it is gone with the last of them."""
    try:
        return [int(name) for name in os.listdir(proc) if name.isdigit()]
    except OSError:
        return []


def descendants(process: int) -> list[int]:
    """The processes that a process started, and those that these did, in turn."""
    children: dict[int, list[int]] = {}
    for other in all_processes():
        fields = _read(f"/proc/{other}/stat").rpartition(b")")[2].split()  # a name may hold blanks and brackets
        if len(fields) > 1:
            children.setdefault(int(fields[1]), []).append(other)
    found: list[int] = []
    waiting = [process]
    while waiting:
        mine = children.get(waiting.pop(), [])
        found += mine
        waiting += mine
    return found
