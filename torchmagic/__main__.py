"""`python -m torchmagic tour`: what a student's installation does in a terminal; it needs no extra."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from torchmagic import __version__
from torchmagic.errors import TorchmagicError
from torchmagic.tour import NOTEBOOK, copy_tour, how_to_open


def main(arguments: Sequence[str] | None = None, program: str = "python -m torchmagic") -> int:
    """Run the command line; gives the exit status.

    Args:
        arguments: the words after the program's name; those of this process, if not given.
        program: how the user called it, for the help.
    """
    parser = argparse.ArgumentParser(
        prog=program,
        description="See PyTorch while you learn it. In a notebook: %load_ext torchmagic",
        epilog="The other commands are for instructors: torchmagic --help",
    )
    parser.add_argument("--version", action="version", version=f"torchmagic, version {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", dest="command")
    tour = commands.add_parser(
        "tour",
        help="write the tour, a notebook that shows everything once",
        description="Write the tour, a notebook that shows everything once. A file that is there is left as it is.",
    )
    tour.add_argument("file", metavar="FILE", nargs="?", default=NOTEBOOK.name, help="the new notebook (%(default)s)")
    tour.add_argument("--force", action="store_true", help="replace a file that is there")
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return 0
    try:
        path = copy_tour(options.file, force=options.force)
    except TorchmagicError as error:
        print(f"torchmagic: {error}", file=sys.stderr)
        return 2
    print(f"The tour is in {path}\n{how_to_open(path)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
