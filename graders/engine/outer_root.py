"""The outer wall: a root folder that holds the Python environment, read-only, and nothing of the course.

The warm parent of the students' processes moves into it once; each fork raises its own walls inside it
(:mod:`graders.engine.walls`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from graders.engine import kernel_calls as kc
from graders.engine.walls import HOME, SCRATCH_FLAGS

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = (
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "fonts",
    "alternatives",
    "mime.types",
    "ssl/openssl.cnf",
)
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


@dataclass(frozen=True, slots=True)
class View:
    """What a student's process may read.

    Attributes:
        readable: folders and files shown, read-only, at their own paths.
        hidden: folders that stay empty even where they lie inside a readable one, but for what is readable within.
    """

    readable: tuple[str, ...]
    hidden: tuple[str, ...] = ()


def python_view(packages: Iterable[Path], hidden: Iterable[Path] = ()) -> View:
    """The system's libraries, this interpreter's environment and the given package folders."""
    folders = [*_SYSTEM, *(f"/etc/{name}" for name in _ETC)]
    folders += [os.path.realpath(p) for p in (sys.prefix, sys.base_prefix, sys.exec_prefix)]
    folders += [sys.prefix, sys.base_prefix, os.path.dirname(os.path.realpath(sys.executable))]
    folders += [str(package) for package in packages]
    outermost: list[str] = []
    for folder in sorted(set(folders)):
        if os.path.exists(folder) and not any(
            Path(folder).is_relative_to(o) for o in outermost if not os.path.islink(o)
        ):
            outermost.append(folder)
    return View(tuple(outermost), tuple(str(Path(p).resolve()) for p in hidden))


def enter_outer_root(view: View, new_root: str) -> None:
    """Move this process into a root folder that holds only ``view``, built on the empty folder ``new_root``.

    Raises:
        OSError: the kernel does not allow namespaces or mounts here.
    """
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        kc.unshare(kc.CLONE_NEWNS)
    else:
        kc.unshare(kc.CLONE_NEWUSER | kc.CLONE_NEWNS)
        kc.map_user(uid, gid)
    kc.mount("none", "/", None, kc.MS_REC | kc.MS_PRIVATE)
    kc.mount("tmpfs", new_root, "tmpfs", kc.MS_NOSUID, "mode=755,size=16m")
    for path in view.readable:
        _show(path, new_root)
    for path in view.hidden:
        _hide(path, view, new_root)
    for folder in ("proc", "dev", "dev/pts", "dev/shm", "tmp", HOME[1:], "etc"):
        os.makedirs(f"{new_root}/{folder}", exist_ok=True)
    kc.mount("/proc", f"{new_root}/proc", None, kc.MS_BIND | kc.MS_REC)
    _devices(new_root)
    Path(f"{new_root}/etc/hosts").write_text("127.0.0.1 localhost\n")
    Path(f"{new_root}/etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")
    # what is imported ahead may want a temporary folder; each submission gets a scratch folder of its own over this one
    kc.mount("tmpfs", new_root + HOME, "tmpfs", SCRATCH_FLAGS, "mode=700,size=16m")
    os.mkdir(f"{new_root}{HOME}/.tmp")
    # without root privileges a student's process owns this folder, and every later one sees it too
    kc.make_read_only(new_root, below=False)
    kc.pivot_root(new_root)


def _hide(path: str, view: View, new_root: str) -> None:
    """Let nothing be seen of a folder but what is readable further inside: an environment may lie in the course."""
    inside = new_root + path
    if os.path.isdir(inside):
        kc.mount("tmpfs", inside, "tmpfs", SCRATCH_FLAGS, "mode=755,size=64k")
        for readable in view.readable:
            if readable != path and Path(readable).is_relative_to(path):
                _show(readable, new_root)
        kc.make_read_only(inside, below=False)


def _show(path: str, new_root: str) -> None:
    inside = new_root + path
    os.makedirs(os.path.dirname(inside), exist_ok=True)
    if os.path.islink(path):
        if not os.path.lexists(inside):
            os.symlink(os.readlink(path), inside)
        target = os.path.realpath(path)
        if not os.path.exists(new_root + target):
            _show(target, new_root)
        return
    if os.path.isdir(path):
        os.makedirs(inside, exist_ok=True)
    else:
        Path(inside).touch()
    kc.bind_read_only(path, inside)


def _devices(new_root: str) -> None:
    for name in _DEVICES:
        Path(f"{new_root}/dev/{name}").touch()
        kc.mount(f"/dev/{name}", f"{new_root}/dev/{name}", None, kc.MS_BIND)
    os.symlink("pts/ptmx", f"{new_root}/dev/ptmx")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"{new_root}/dev/{name}")
    os.symlink("/proc/self/fd", f"{new_root}/dev/fd")
