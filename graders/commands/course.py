"""`torchmagic course`: make an nbgrader course folder."""

from __future__ import annotations

from pathlib import Path

import click

from graders.courses import find_assignments, make_course


@click.group("course")
def command() -> None:
    """Make and keep nbgrader courses."""


@command.command("init")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--source",
    type=click.Path(path_type=Path),
    help="Where the assignments come from: a course, or a folder with one folder for each assignment. "
    "Without it, those of the clone that torchmagic was installed from.",
)
def init(folder: Path, source: Path | None) -> None:
    """Make a ready nbgrader course in DIR: its nbgrader_config.py and the assignments' source notebooks.

    Nothing that is there already is overwritten: a file that would be is an error, before anything is written.

    \b
    Examples:
      torchmagic course init pytorch101
      torchmagic course init pytorch101 --source ~/torchmagic/assignments
    """
    assignments = find_assignments(source)
    written = make_course(folder, assignments)
    names = sorted(path.name for path in assignments.iterdir() if any(path.glob("*.ipynb")))
    click.echo(f"Course in {folder}: {len(written)} files written, {len(names)} assignments: {', '.join(names)}.")
    click.echo(
        f"Next: cd {folder}; nbgrader generate_assignment NAME; nbgrader release_assignment NAME; "
        "when students have submitted: nbgrader collect NAME; torchmagic grade NAME"
    )
