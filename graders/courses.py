"""Course folders before nbgrader knows them: find the assignments, lay out a new course, overwrite nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import graders
from graders.nbgrader_plugin.config import CONFIG_NAME
from torchmagic.errors import TorchmagicError

_CONFIG = '''"""nbgrader's configuration of this course; its options are listed by `nbgrader --help-all`."""

c = get_config()

c.CourseDirectory.course_id = "{course_id}"

# Submissions are run and scored by torchmagic's engine, each behind walls of its own.
from graders.nbgrader_plugin import configure; configure(c)

# Collecting from the exchange folder follows no link out of a submission, and no single one stops it.
# Take this line away where another exchange than nbgrader's folder is in use.
c.ExchangeFactory.collect = "graders.nbgrader_plugin.collect.CarefulCollect"
'''

_SKIPPED = {".ipynb_checkpoints", "__pycache__", ".DS_Store"}


def config_text(course_id: str, extra: str = "") -> str:
    """The text of a course's ``nbgrader_config.py``.

    Args:
        course_id: nbgrader's course id; what it does not take is replaced by a hyphen.
        extra: lines of configuration to add at the end.

    >>> "configure(c)" in config_text("pytorch 101")
    True
    >>> config_text("pytorch 101").splitlines()[4]
    'c.CourseDirectory.course_id = "pytorch-101"'
    """
    clean = re.sub(r"[^A-Za-z0-9._-]+", "-", course_id).strip("-.") or "course"
    return _CONFIG.format(course_id=clean) + (f"\n{extra}" if extra else "")


def clone_assignments() -> Path:
    """The clone's ``assignments/`` folder: beside the package when it was installed from a clone as editable."""
    return Path(graders.__file__).resolve().parent.parent / "assignments"


def find_assignments(source: Path | None = None) -> Path:
    """The folder that holds one folder of source notebooks for each assignment.

    Args:
        source: a course root, a clone of torchmagic, or that folder itself; None for the clone that is installed.

    Raises:
        TorchmagicError: nothing of the kind is there.
    """
    if source is None:
        found = clone_assignments() / "source"
        if any(found.glob("*/*.ipynb")):
            return found
        raise TorchmagicError(
            f"This installation of torchmagic brings no assignments: there is no {found}.",
            hint="Install from a clone (git clone, then `make venv`), or name a folder with `--source DIR`.",
        )
    if not source.is_dir():
        raise TorchmagicError(f"There is no folder {source}.", hint="Name a folder of assignments with `--source DIR`.")
    for found in (source / "assignments" / "source", source / "source", source):
        if any(found.glob("*/*.ipynb")):
            return found
    raise TorchmagicError(
        f"{source} holds no assignments: neither it nor its source/ has folders with notebooks in them.",
        hint="Name a course root, or a folder that holds NAME/NAME.ipynb for each assignment.",
    )


def make_course(folder: Path, assignments: Path, *, extra_config: str = "") -> list[Path]:
    """Make a course root: its configuration, and a copy of each assignment's source.

    Files that are there already with the same content are left as they are.

    Args:
        folder: the new course; made if it is not there.
        assignments: a folder with one folder for each assignment.
        extra_config: lines to add to the configuration.

    Returns:
        the files that were written.

    Raises:
        TorchmagicError: a file with other content is in the way; nothing was written then.
    """
    if folder.exists() and not folder.is_dir():
        raise TorchmagicError(f"{folder} is a file.", hint="Name another folder.")
    wanted = {CONFIG_NAME: config_text(folder.resolve().name, extra_config).encode()}
    for path in _files(assignments):
        wanted[f"source/{path.relative_to(assignments).as_posix()}"] = path.read_bytes()
    in_the_way = [name for name, content in wanted.items() if not _free(folder / name, content)]
    if in_the_way:
        more = f" and {len(in_the_way) - 3} more" if len(in_the_way) > 3 else ""
        raise TorchmagicError(
            f"{folder} holds other files of these names: {', '.join(in_the_way[:3])}{more}. Nothing was written.",
            hint="Name a new folder, or move those files away.",
        )
    written = []
    for name, content in wanted.items():
        target = folder / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            written.append(target)
    return written


def _files(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if path.is_file() and len(relative.parts) > 1 and not _SKIPPED.intersection(relative.parts):
            yield path


def _free(target: Path, content: bytes) -> bool:
    return not target.exists() or (target.is_file() and target.read_bytes() == content)
