"""Programs: those that people and nbgrader call by their bare names, on PATH and of this environment."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from graders.installation import Found

_PART = "programs"
#: What is called by its bare name, and by whom.
NAMES = {
    "jupyter": "you start JupyterLab with it",
    "nbgrader": "you release and collect with it",
    "alembic": "nbgrader calls it by this name",
}


def program_findings(path: str) -> Iterator[Found]:
    """What each program's name starts.

    Args:
        path: PATH as the user has it.
    """
    own = Path(sys.executable).parent
    for name, use in NAMES.items():
        found = shutil.which(name, path=path or os.defpath)
        mine = shutil.which(name, path=str(own))
        first = f"Put this environment first: export PATH={shlex.quote(str(own))}:$PATH"
        if mine is None:
            detail = f"not in {own}: {use}"
            yield Found(_PART, name, "problem", detail, "Install it: pip install 'torchmagic[grade]'")
        elif found is None:
            yield Found(_PART, name, "warning", f"not on PATH: {use}", first)
        elif not os.path.samefile(found, mine):
            yield Found(_PART, name, "problem", f"{found} is of another environment: {use}", first)
        else:
            yield Found(_PART, name, "ok", found)
