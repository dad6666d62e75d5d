"""All of an installation, part by part, the quick parts first."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

from graders.installation import Found, problems
from graders.installation.extensions import extension_findings
from graders.installation.kernels import kernel_findings
from graders.installation.programs import program_findings
from graders.installation.versions import version_findings


def examine_installation(folder: Path | None, path: str) -> Iterator[Found]:
    """Versions, programs, extensions, the course with its gradebook and exchange, and the kernels.

    Args:
        folder: the course that was named; None for the current folder, if that is one.
        path: PATH as the user has it.
    """
    from graders.nbgrader_plugin.health import course_findings  # imports nbgrader

    yield from version_findings()
    yield from program_findings(path)
    yield from extension_findings()
    yield from course_findings(folder or Path(), named=folder is not None)
    yield from kernel_findings()


def examine_students() -> int:
    """Print what there is to say of an installation without the instructor's part; returns the exit status."""
    found: list[Found] = []
    if importlib.util.find_spec("packaging") is not None:
        found += version_findings(extra="")
    found += kernel_findings()
    for each in found:
        print(f"{each.state + ':':<9}{each.what}: {each.detail}")
        if each.remedy:
            print(f"         {each.remedy}")
    print("This is a student's installation. To make courses and grade: pip install 'torchmagic[grade]'")
    return 1 if problems(found) else 0


def path_of_user(original: str | None) -> str:
    """PATH as the user has it: what the program was started with, where that is known."""
    return os.environ.get("PATH", "") if original is None else original
