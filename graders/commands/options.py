"""Arguments and options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

_Command = TypeVar("_Command", bound=Callable[..., Any])


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def known_assignments(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """For the shell's completion: assignments that the course has a source of."""
    source = Path(ctx.params.get("folder") or ".") / "source"
    names = sorted(path.name for path in source.glob("*") if path.is_dir())
    return [name for name in names if name.startswith(incomplete)]


def known_students(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """For the shell's completion: those who submitted."""
    submitted = Path(ctx.params.get("folder") or ".") / "submitted"
    return sorted(path.name for path in submitted.glob("*") if path.is_dir() and path.name.startswith(incomplete))


def folders(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """For the shell's completion: folders, where the command itself says what is wrong with a file."""
    return [CompletionItem(incomplete, type="dir")]


#: A folder, in options: the shell completes folders.
FOLDER = click.Path(path_type=Path, file_okay=False)
COURSE_VARIABLE = "TORCHMAGIC_COURSE"
JOBS_VARIABLE = "TORCHMAGIC_JOBS"

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
    type=FOLDER,
    default=Path(),
    show_default="the current folder",
    is_eager=True,  # completion of an assignment's name needs it
    help="The course's folder, which holds nbgrader_config.py.",
    envvar=COURSE_VARIABLE,
    show_envvar=True,
)

#: Only some of the students, as ``students``.
students_option = click.option(
    "--student",
    "students",
    multiple=True,
    metavar="ID",
    shell_complete=known_students,
    help="Only this student; may be given repeatedly.",
)


def jobs_option(what: str) -> Callable[[_Command], _Command]:
    """``--jobs N``, one for each core if not given."""
    return click.option(
        "--jobs",
        type=click.IntRange(min=1),
        metavar="N",
        default=cores,
        show_default="one a processor core",
        help=what,
        envvar=JOBS_VARIABLE,
        show_envvar=True,
    )
