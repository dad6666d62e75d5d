"""`torchmagic tour`: the notebook that shows the magics. `python -m torchmagic tour` is the same and needs no extra."""

from __future__ import annotations

from pathlib import Path

import click

from graders.commands.manual import Manual, PagedCommand
from torchmagic.tour import NOTEBOOK, copy_tour, how_to_open

_MANUAL = Manual(
    arguments=[("FILE", "The notebook to write, or a folder; ./tour.ipynb if not given.")],
    examples=[
        ("torchmagic tour", "./tour.ipynb"),
        ("torchmagic tour first-steps.ipynb", "under another name"),
        ("torchmagic tour ~/courses/pytorch --force", "in a folder, and in the place of an older one"),
    ],
    exit_status=[("0", "the notebook is there"), ("2", "nothing was written")],
    files=[("./tour.ipynb", "the notebook that is written")],
    see_also=["%torchmagic tour", "python -m torchmagic tour", "docs/tutorials/tour.md"],
)


@click.command("tour", short_help="Write the notebook that shows the magics.", cls=PagedCommand, manual=_MANUAL)
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path), default=Path(NOTEBOOK.name))
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def command(file: Path, force: bool) -> None:
    """Write the tour, a notebook that shows the magics.

    A file that is there is left as it is. A student's installation, without the instructor's
    part, has the same command, and in a notebook `%torchmagic tour`.
    """
    path = copy_tour(file, force=force)
    click.echo(f"The tour is in {path}\n{how_to_open(path)}")
