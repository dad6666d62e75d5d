"""The Linux calls that Python's standard library lacks (or has only from 3.12): mounts, namespaces, capabilities."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import functools
import os
import signal
import socket
import struct
from collections.abc import Mapping

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_TGKILL = {"x86_64": 234, "aarch64": 131}
_CAPSET = {"x86_64": 126, "aarch64": 91}
_MOUNT_SETATTR = {"x86_64": 442, "aarch64": 442}
_CAPABILITY_VERSION_3 = 0x20080522
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1

_HUGE = 2 << 20
_MADV_COLLAPSE = 25

_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_MOUNT_ATTR_RDONLY, _MOUNT_ATTR_NOSUID, _MOUNT_ATTR_NODEV = 1, 2, 4


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def syscall(numbers: Mapping[str, int], what: str, *arguments: int | bytes | None) -> int:
    """Make a system call that the C library has no function for, by its number on each kind of machine.

    Raises:
        OSError: the kernel refuses, or lacks the call; its text begins with ``what``.
    """
    machine = os.uname().machine
    if machine not in numbers:
        raise OSError(errno.ENOSYS, f"{what}: not known on {machine}")
    converted = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    result: int = _libc().syscall(ctypes.c_long(numbers[machine]), *converted)
    if result < 0:
        _checked(result, what)
    return result


def interrupt(process: int) -> None:
    """Send SIGINT to the main thread of a process; OSError where it is gone.

    ``kill`` would let the kernel choose a thread, one that does not block the signal if there is any.
    """
    syscall(_TGKILL, "tgkill", process, process, signal.SIGINT)


def unshare(flags: int) -> None:
    """Leave the namespaces named by ``flags`` for new ones; OSError where the kernel refuses."""
    _checked(_libc().unshare(flags), "unshare")


def fork_new_tree() -> int:
    """``os.fork``, but the child is process 1 of a process tree of its own.

    Raises:
        OSError: the kernel refuses, as where this process does not rule the tree that it stands in itself.
    """
    own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    try:
        unshare(CLONE_NEWPID)
        pid = -1
        try:
            pid = os.fork()
        finally:
            if pid != 0:  # otherwise the next one would be the child's sibling, and end with it
                _checked(_libc().setns(own, CLONE_NEWPID), "setns")
        return pid
    finally:
        os.close(own)


def gather_memory() -> None:
    """Let this process's own memory lie in huge pages, as far as it fills them; Linux 6.1, and nothing before.

    A fork then copies, and its end clears, one entry of the page table for 512 pages, until it writes to one of them.
    """
    with open("/proc/self/maps") as file:
        lines = file.read().splitlines()
    for line in lines:
        where, rights, _, device, inode, *name = line.split()
        if rights != "rw-p" or (device, inode) != ("00:00", "0") or name not in ([], ["[heap]"]):
            continue
        first, end = (int(address, 16) for address in where.split("-"))
        first = -(-first // _HUGE) * _HUGE
        if first + _HUGE <= end:  # what it cannot do for one part it does for the others, and says that it failed
            _libc().madvise(ctypes.c_void_p(first), ctypes.c_size_t((end - first) // _HUGE * _HUGE), _MADV_COLLAPSE)


def mount(source: str, target: str, kind: str | None, flags: int = 0, data: str = "") -> None:
    """``mount(2)``."""
    result = _libc().mount(
        source.encode(),
        target.encode(),
        kind.encode() if kind else None,
        ctypes.c_ulong(flags),
        data.encode() if data else None,
    )
    _checked(result, f"mount {kind or source} on {target}")


def bind_read_only(source: str, target: str) -> None:
    """Show ``source`` and all mounted below it at ``target``, read-only, without set-uid programs or devices."""
    mount(source, target, None, MS_BIND | MS_REC)
    make_read_only(target)


def make_read_only(target: str, *, below: bool = True) -> None:
    """Let nobody write to the mount at ``target``, nor to those below it: ``mount_setattr(2)``, Linux 5.12."""
    flags = _MOUNT_ATTR_RDONLY | _MOUNT_ATTR_NOSUID | _MOUNT_ATTR_NODEV
    change = struct.pack("=QQQQ", flags, 0, 0, 0)
    depth = _AT_RECURSIVE if below else 0
    syscall(_MOUNT_SETATTR, f"mount_setattr {target}", _AT_FDCWD, target.encode(), depth, change, len(change))


def pivot_root(new_root: str) -> None:
    """Make ``new_root`` (a mount point) the root folder and let go of the old one."""
    os.chdir(new_root)
    libc = _libc()
    syscall(_PIVOT_ROOT, "pivot_root", b".", b".")
    _checked(libc.umount2(b".", MNT_DETACH), "umount of the old root")
    os.chdir("/")


def prctl(option: int, value: int) -> None:
    """``prctl(2)`` with one argument."""
    _checked(_libc().prctl(option, ctypes.c_ulong(value), 0, 0, 0), "prctl")


def drop_capabilities() -> None:
    """Give up every capability, for good."""
    libc = _libc()
    for capability in range(64):
        if libc.prctl(PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) != 0:
            break
    header = struct.pack("=II", _CAPABILITY_VERSION_3, 0)
    syscall(_CAPSET, "capset", header, bytes(24))


def loopback_up() -> None:
    """Bring up ``lo`` in a fresh network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(sock, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))


def map_user(uid: int, gid: int) -> None:
    """In a fresh user namespace: be the same user inside as outside."""
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
