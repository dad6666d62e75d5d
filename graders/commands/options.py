"""Arguments and options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def known_assignments(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """For the shell's completion: assignments that the course has a source of."""
    source = Path(ctx.params.get("folder") or ".") / "source"
    names = sorted(path.name for path in source.glob("*") if path.is_dir())
    return [name for name in names if name.startswith(incomplete)]


#: The assignment that a command is about.
assignment_argument = click.argument("assignment", shell_complete=known_assignments)

#: One assignment or more.
assignments_argument = click.argument(
    "assignments", metavar="ASSIGNMENT...", nargs=-1, required=True, shell_complete=known_assignments
)

#: The course's folder, as ``folder``.
course_option = click.option(
    "--course",
    "folder",
    type=click.Path(path_type=Path),
    default=Path(),
    is_eager=True,  # completion of an assignment's name needs it
    help="The course's folder, which holds nbgrader_config.py; the current one if not given.",
)


def jobs_option(what: str) -> Callable[[_Command], _Command]:
    """``--jobs N``, one for each core if not given."""
    return click.option(
        "--jobs", type=click.IntRange(min=1), default=cores, show_default="one a processor core", help=what
    )
