"""What grading depends on besides submission and assignment: our own code, and all that is installed beside it."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import sys

from graders.engine.warm_process import packages


@functools.cache
def environment_digest() -> str:
    """A word that changes with our own code, the installed distributions and their versions, Python, and the processor.

    >>> len(environment_digest())
    64
    """
    found = hashlib.sha256()
    for line in (*sorted(_distributions()), platform.python_version(), platform.machine(), *own_code()):
        found.update(f"{line}\n".encode())
    return found.hexdigest()


def _distributions() -> set[str]:
    """Names and versions of what is installed, by the names of its folders: quicker than to read what is in them.

    What lies beside the program that was started, or in the current folder, is not installed; and we count by our code.
    """
    names: set[str] = set()
    for entry in sys.path[1:]:
        if os.path.isdir(entry) and not os.path.samefile(entry, os.curdir):
            names.update(name for name in os.listdir(entry) if name.endswith((".dist-info", ".egg-info")))
    return {name for name in names if not name.startswith("torchmagic")}


def own_code() -> list[str]:
    """Each of our own source files, with a hash of what is in it.

    >>> own_code()[0].split()[0]
    'torchmagic/__init__.py'
    """
    return [
        f"{path.relative_to(package.parent).as_posix()} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        for package in packages()
        for path in sorted(package.rglob("*.py"))
    ]
