"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click


def known_assignments(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """For the shell's completion: assignments that the course has a source of."""
    source = Path(ctx.params.get("folder") or ".") / "source"
    names = sorted(path.name for path in source.glob("*") if path.is_dir())
    return [name for name in names if name.startswith(incomplete)]


#: The assignment that a command is about.
assignment_argument = click.argument("assignment", shell_complete=known_assignments)

#: The course's folder, as ``folder``.
course_option = click.option(
    "--course",
    "folder",
    type=click.Path(path_type=Path),
    default=Path(),
    help="The course's folder, which holds nbgrader_config.py; the current one if not given.",
)
