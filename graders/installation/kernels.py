"""Kernels: does the kernel that notebooks ask for start an interpreter that has torchmagic?"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from graders.installation import Found

_PART = "kernels"
#: The kernel that the assignments' notebooks ask for.
WANTED = "python3"
_PROBE = (
    "import json, sys, ipykernel, torch, torchmagic\n"
    "print(json.dumps([sys.version.split()[0], torchmagic.__version__]))"
)
_SECONDS = 120
_REINSTALL = "python -m ipykernel install --sys-prefix"


def kernel_findings() -> Iterator[Found]:
    """The kernel of the assignments, tried; of the others, those that cannot start."""
    try:
        from jupyter_client.kernelspec import KernelSpecManager
    except ImportError:
        remedy = "Install Jupyter's side: pip install ipykernel"
        yield Found(_PART, WANTED, "problem", "jupyter_client is not installed: no notebook can run", remedy)
        return
    manager = KernelSpecManager()
    places = manager.find_kernel_specs()
    if WANTED not in places:
        yield Found(_PART, WANTED, "problem", "there is no such kernel", f"Make it: {_REINSTALL}")
    for name in sorted(places, key=lambda name: (name != WANTED, name)):
        try:
            spec = manager.get_kernel_spec(name)
        except Exception as error:  # jupyter_client passes on whatever reading the file raised
            detail = f"{places[name]}/kernel.json cannot be read ({type(error).__name__}: {error})"
            yield Found(_PART, name, _state(name), detail, f"Remove it (jupyter kernelspec remove {name}) or mend it.")
            continue
        if name == WANTED or spec.language.lower() == "python":
            yield from _findings(name, places[name], spec)


def _findings(name: str, place: str, spec: Any) -> Iterator[Found]:
    program = interpreter(spec.argv)
    if program is None:
        detail = f"{place} starts {spec.argv[0] if spec.argv else 'nothing'}, which is not there"
        remedy = f"Install the kernel again: {_REINSTALL} --name {name}; or remove it: jupyter kernelspec remove {name}"
        yield Found(_PART, name, _state(name), detail, remedy)
    elif name == WANTED:
        yield tried(name, program, spec.env)
    else:
        yield Found(_PART, name, "ok", program)


def interpreter(argv: Sequence[str]) -> str | None:
    """The program that a kernel's command line starts, as jupyter_client finds it; None where it is not there.

    >>> interpreter(["python", "-m", "ipykernel_launcher"]) == sys.executable
    True
    >>> interpreter(["/no/such/python"]) is None
    True
    """
    if not argv:
        return None
    major, minor = sys.version_info[:2]
    if argv[0] in ("python", f"python{major}", f"python{major}.{minor}"):
        return sys.executable
    return shutil.which(argv[0])


def tried(name: str, program: str, env: dict[str, str]) -> Found:
    """Whether an interpreter imports what a notebook of this course imports.

    Args:
        name: the kernel's.
        program: the interpreter.
        env: variables that the kernel sets.
    """
    with tempfile.TemporaryDirectory() as empty:  # what lies in the current folder is not installed
        try:
            done = subprocess.run(
                [program, "-c", _PROBE],
                env={**os.environ, **env},
                cwd=empty,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return Found(_PART, name, "problem", f"{program} does not run ({error})", f"Install it again: {_REINSTALL}")
    said = done.stderr.strip().splitlines()
    if done.returncode:
        last = said[-1] if said else f"exit status {done.returncode}"
        remedy = f"Install torchmagic there: {program} -m pip install torchmagic ipykernel"
        return Found(_PART, name, "problem", f"{program} does not import torchmagic and torch: {last}", remedy)
    python, version = json.loads(done.stdout.strip().splitlines()[-1])
    detail = f"{program}: Python {python}, torchmagic {version}"
    if said:
        remedy = "nbgrader counts a test that writes to stderr as failed: mend what it warns of (often: install numpy)."
        return Found(_PART, name, "warning", f"{detail}; importing torch there says: {said[0]}", remedy)
    return Found(_PART, name, "ok", detail)


def _state(name: str) -> Any:
    return "problem" if name == WANTED else "warning"
