"""Landlock: a process gives up, for good, all access to files but what it names, and signals and sockets outside.

It holds even if a mount, a descriptor or a link should lead out of the folders that a student's process sees.

Facts: landlock(7), landlock_create_ruleset(2) and Documentation/userspace-api/landlock.rst, which says in which version
of its interface (ABI) each right came.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable

from graders.engine import kernel_calls as kc

_CREATE_RULESET = {"x86_64": 444, "aarch64": 444}
_ADD_RULE = {"x86_64": 445, "aarch64": 445}
_RESTRICT_SELF = {"x86_64": 446, "aarch64": 446}
_VERSION = 1
_PATH_BENEATH = 1
_LOG_SAME_EXEC_OFF = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE = 1 << 4, 1 << 5
_MAKE_CHAR, _MAKE_DIR, _MAKE_REG, _MAKE_SOCK, _MAKE_FIFO, _MAKE_BLOCK, _MAKE_SYM = (1 << n for n in range(6, 13))
_REFER, _TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_SCOPE_ABSTRACT_SOCKETS, _SCOPE_SIGNALS = 1 << 0, 1 << 1

READ = EXECUTE | READ_FILE | READ_DIR
WRITE = (
    (WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _MAKE_SOCK | _MAKE_FIFO | _MAKE_SYM)
    | _REFER
    | _TRUNCATE
)
#: Rights that a file, as opposed to a folder, can be given.
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | _TRUNCATE | IOCTL_DEV


def interface_version() -> int:
    """The kernel's version of the interface, from 1.

    Raises:
        OSError: the kernel has no Landlock, or was started without it.
    """
    return kc.syscall(_CREATE_RULESET, "Landlock", None, 0, _VERSION)


def rights_known(version: int) -> int:
    """All rights to files that a version of the interface knows.

    >>> [rights_known(version).bit_length() for version in (1, 2, 3, 4, 5, 7)]
    [13, 14, 15, 15, 16, 16]
    """
    bits = 13 + (version >= 2) + (version >= 3) + (version >= 5)
    return (1 << bits) - 1


def restrict(allowed: Iterable[tuple[str, int]]) -> None:
    """Keep only what is allowed, as (path, rights at it and below); it must have set ``no_new_privs``.

    Rights that this kernel does not know yet are left out. Raises OSError where there is no Landlock.
    """
    version = interface_version()
    known = rights_known(version)
    attributes = struct.pack("=Q", known)
    if version >= 6:
        attributes += struct.pack("=QQ", 0, _SCOPE_ABSTRACT_SOCKETS | _SCOPE_SIGNALS)
    ruleset = kc.syscall(_CREATE_RULESET, "Landlock", attributes, len(attributes), 0)
    try:
        for path, rights in allowed:
            _allow(ruleset, path, rights & known)
        quiet = _LOG_SAME_EXEC_OFF if version >= 7 else 0  # a submission must not fill the machine's audit log
        kc.syscall(_RESTRICT_SELF, "Landlock", ruleset, quiet)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not os.path.isdir(path):
            rights &= _OF_FILES
        kc.syscall(_ADD_RULE, f"Landlock at {path}", ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, handle), 0)
    finally:
        os.close(handle)
