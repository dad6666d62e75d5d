"""`torchmagic tour`: the notebook that shows the magics. `python -m torchmagic tour` is the same and needs no extra."""

from __future__ import annotations

from pathlib import Path

import click

from torchmagic.tour import NOTEBOOK, copy_tour, how_to_open


@click.command("tour")
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path), default=Path(NOTEBOOK.name))
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def command(file: Path, force: bool) -> None:
    """Write the tour, a notebook that shows the magics, to FILE (./tour.ipynb if not given).

    FILE may be a folder. A file that is there is left as it is. A student's installation, without the instructor's
    part, has the same command, and in a notebook `%torchmagic tour`.

    \b
    Examples:
      torchmagic tour
      torchmagic tour first-steps.ipynb
      torchmagic tour ~/courses/pytorch --force

    Exit status: 0 when the notebook is there, 2 when nothing was written.
    """
    path = copy_tour(file, force=force)
    click.echo(f"The tour is in {path}\n{how_to_open(path)}")
