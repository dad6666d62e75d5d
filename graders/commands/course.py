"""`torchmagic course`: make an nbgrader course folder."""

from __future__ import annotations

from pathlib import Path

import click

from graders.commands.manual import Manual, PagedCommand, PagedGroup
from graders.commands.options import FOLDER, folders
from graders.courses import find_assignments, make_course

_GROUP = Manual(
    examples=[("torchmagic course init pytorch101", "a new course in ./pytorch101")],
    exit_status=[("0", "done"), ("2", "wrong usage or input")],
    files=[("nbgrader_config.py", "makes a folder a course")],
    see_also=["torchmagic doctor", "torchmagic demo", "docs/howto/own-assignment.md"],
)
_INIT = Manual(
    arguments=[("DIR", "The new course's folder; it is made where it is missing. Its name becomes the course's id.")],
    examples=[
        ("torchmagic course init pytorch101", "a new course in ./pytorch101"),
        ("torchmagic course init pytorch101 --source ~/torchmagic/assignments", "with the assignments of that folder"),
    ],
    exit_status=[("0", "the course is there"), ("2", "wrong usage, or a file is in the way: nothing was written")],
    files=[
        ("DIR/nbgrader_config.py", "the course's configuration, with the line that brings the engine"),
        ("DIR/source/NAME/NAME.ipynb", "the instructor's version of each assignment"),
    ],
    see_also=["torchmagic doctor", "torchmagic grade", "nbgrader generate_assignment", "docs/howto/own-assignment.md"],
)


@click.group("course", cls=PagedGroup, manual=_GROUP)
def command() -> None:
    """Make nbgrader courses."""


@command.command("init", short_help="Make a course, with its assignments.", cls=PagedCommand, manual=_INIT)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path), shell_complete=folders)
@click.option(
    "--source",
    type=FOLDER,
    show_default="those of the clone that torchmagic was installed from",
    help="Where the assignments come from: a course, or a folder with one folder for each assignment.",
)
def init(folder: Path, source: Path | None) -> None:
    """Make a ready nbgrader course in DIR: its nbgrader_config.py and the assignments' source notebooks.

    Nothing that is there already is overwritten: a file that would be is an error, before anything is written.
    """
    assignments = find_assignments(source)
    written = make_course(folder, assignments)
    names = sorted(path.name for path in assignments.iterdir() if any(path.glob("*.ipynb")))
    click.echo(f"Course in {folder}: {len(written)} files written, {len(names)} assignments: {', '.join(names)}.")
    click.echo(
        f"Next: cd {folder}; nbgrader generate_assignment NAME; nbgrader release_assignment NAME; "
        "when students have submitted: nbgrader collect NAME; torchmagic grade NAME"
    )
