"""What the walls need of the kernel, and what an instructor can do where it is missing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from enum import Enum


class Mechanism(str, Enum):
    """A part of Linux that walls are made of."""

    NAMESPACES = "namespaces"
    LANDLOCK = "Landlock"
    SECCOMP = "seccomp"
    LIMITS = "limits"
    WATCHER = "watcher"


#: What to do where the kernel lacks one of those that it may lack.
REMEDIES = {
    Mechanism.NAMESPACES: (
        "Walls need user namespaces: as root, `sysctl -w user.max_user_namespaces=15000` and, where these settings"
        " exist, `sysctl -w kernel.unprivileged_userns_clone=1` (Debian) and"
        " `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` (Ubuntu 23.10 and later);"
        " in a container, let it create namespaces and mount /proc (Docker: `--privileged`, or `--security-opt` with"
        " each of seccomp=unconfined, apparmor=unconfined and systempaths=unconfined)."
    ),
    Mechanism.LANDLOCK: (
        "Walls need Landlock: Linux 5.13 or later with CONFIG_SECURITY_LANDLOCK, and `landlock` first in the list that"
        " /sys/kernel/security/lsm shows (else start Linux with `lsm=landlock,` before that list);"
        " in a container, let it make the calls landlock_create_ruleset, landlock_add_rule and landlock_restrict_self."
    ),
    Mechanism.SECCOMP: (
        "Walls need seccomp filters: Linux with CONFIG_SECCOMP_FILTER, on x86_64 or aarch64;"
        " in a container, let it make the call seccomp."
    ),
}


class MissingMechanism(OSError):
    """The kernel does not give what a wall is made of."""

    def __init__(self, mechanism: Mechanism, reason: str) -> None:
        super().__init__(reason)
        self.mechanism = mechanism


@contextlib.contextmanager
def needing(mechanism: Mechanism) -> Iterator[None]:
    """Let an OSError say which mechanism is missing.

    >>> try:
    ...     with needing(Mechanism.LANDLOCK):
    ...         raise OSError(38, "Function not implemented")
    ... except MissingMechanism as error:
    ...     print(error.mechanism.value, "|", error)
    Landlock | [Errno 38] Function not implemented
    """
    try:
        yield
    except MissingMechanism:
        raise
    except OSError as error:
        raise MissingMechanism(mechanism, str(error)) from error
