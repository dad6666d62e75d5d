"""What `torchmagic doctor` puts there for its attempts to find and then takes away, and what it sees of the machine."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from site import getusersitepackages
from typing import Any

_VARIABLE = "TORCHMAGIC_SECRET_OF_THE_GRADER"


@contextlib.contextmanager
def site() -> Iterator[Mapping[str, Any]]:
    """A small course, a process, listening sockets and a file in the home folder: what a submission must not reach."""
    marker = f"torchmagic-doctor-{secrets.token_hex(6)}"
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="torchmagic-doctor-")))
        files = {
            "course": folder / "nbgrader_config.py",
            "gradebook": folder / "gradebook.db",
            "submission": folder / "submitted" / "other" / "ps1" / "ps1.ipynb",
        }
        for path in files.values():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(marker)
        for path in (folder, *folder.rglob("*")):  # a wall must hold, not a file's permissions
            path.chmod(0o755)
        home = Path.home()
        secret = home
        with contextlib.suppress(OSError):  # a home that nobody can write to: then its listing must not be seen
            secret = Path(stack.enter_context(tempfile.NamedTemporaryFile(dir=home, prefix=".torchmagic-doctor-")).name)
            secret.write_text(marker)
            secret.chmod(0o644)
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        for address in (f"\0{marker}", str(folder / "socket")):
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(address)
            listener.listen()
        (folder / "socket").chmod(0o777)
        outside = subprocess.Popen(
            ["sleep", "600"], env={"PATH": os.environ.get("PATH", ""), _VARIABLE: marker}, start_new_session=True
        )
        stack.callback(outside.wait)
        stack.callback(outside.kill)
        os.environ[_VARIABLE] = marker
        stack.callback(os.environ.pop, _VARIABLE, None)
        startup = home / ".ipython" / "profile_default" / "startup"
        hooks = [Path(getusersitepackages(), f"{marker}.pth"), startup / f"{marker}.py"]
        shared = ("/tmp", "/var/tmp", "/dev/shm")
        stack.enter_context(_removed_afterwards([*hooks, *(Path(folder, marker) for folder in shared)]))
        yield {
            "hooks": [str(path) for path in hooks],
            "shared": shared,
            **{name: str(path) for name, path in files.items()},
            "folder": str(folder),
            "home": str(secret),
            "home_folder": str(home),
            "variable": _VARIABLE,
            "marker": marker,
            "sleep": f"30.{secrets.randbelow(10**9):09}",
            "port": tcp.getsockname()[1],
            "socket": str(folder / "socket"),
            "process": outside.pid,
        }


@contextlib.contextmanager
def _removed_afterwards(paths: Sequence[Path]) -> Iterator[None]:
    """Remove files that may appear, and the folders that were made for them."""
    absent = {parent for path in paths for parent in path.parents if not parent.exists()}
    try:
        yield
    finally:
        for path in paths:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        for folder in sorted(absent, key=lambda folder: len(folder.parts), reverse=True):
            with contextlib.suppress(OSError):
                folder.rmdir()


def processes_with(text: str) -> list[int]:
    """Processes of this machine whose command line holds a text."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if text.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found


def is_running(pid: int) -> bool:
    """Whether a process of this machine has not ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    return False
