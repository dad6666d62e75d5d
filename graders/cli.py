"""The `torchmagic` program: where a process starts, and where an error becomes one line."""

from __future__ import annotations

import gc
import importlib.util
import os
import sys
import warnings
from pathlib import Path

_NEEDED = ("click", "nbformat", "nbclient", "nbgrader", "ipykernel")


def main() -> None:
    """Run the `torchmagic` command; ends the process with its exit status."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        if sys.argv[1:2] == ["tour"]:  # a student's command, too
            from torchmagic.__main__ import main as students

            sys.exit(students(program="torchmagic"))
        if sys.argv[1:2] == ["doctor"] and {*sys.argv[2:]} <= {"installation"}:
            from graders.installation.examine import examine_students

            sys.exit(examine_students())
        print(
            f"torchmagic: the commands need {', '.join(missing)}, which this installation lacks. "
            "Install the instructor's part: pip install 'torchmagic[grade]'",
            file=sys.stderr,
        )
        sys.exit(2)
    path = os.environ.get("PATH", "")
    own_programs_first()
    if not sys.warnoptions:
        warnings.filterwarnings("ignore", module=r"(nbgrader|traitlets)\b")  # about their code, not ours
    gc.set_threshold(100_000, 50, 50)  # what is imported stays: no use in looking through it again and again
    try:
        from graders.commands import app

        app(prog_name="torchmagic", obj=path)  # doctor says what PATH the user has
    except KeyboardInterrupt:  # before the command began
        sys.exit(130)


def own_programs_first() -> None:
    """Put this interpreter's folder of programs first on PATH: nbgrader calls ``alembic`` by its bare name."""
    folder = str(Path(sys.executable).parent)
    rest = [entry for entry in os.environ.get("PATH", "").split(os.pathsep) if entry and entry != folder]
    os.environ["PATH"] = os.pathsep.join([folder, *rest])
