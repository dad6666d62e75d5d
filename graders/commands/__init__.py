"""The `torchmagic` command line, one module for each command."""

from __future__ import annotations

import importlib
from typing import Any

import click

from graders.commands.manual import Manual, PagedGroup
from torchmagic import __version__
from torchmagic.errors import TorchmagicError

_COMMANDS = {
    "completion": "graders.commands.completion",
    "course": "graders.commands.course",
    "demo": "graders.commands.demo",
    "doctor": "graders.commands.doctor",
    "feedback": "graders.commands.feedback",
    "export": "graders.commands.export",
    "grade": "graders.commands.grade",
    "store": "graders.commands.store",
    "report": "graders.commands.report",
    "tour": "graders.commands.tour",
}


class Failure(click.ClickException):
    """A TorchmagicError on its way to the terminal: one line, exit status 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        """Print the line to stderr."""
        click.echo(f"torchmagic: {' '.join(self.message.split())}", file=file, err=True)


class App(PagedGroup):
    """The top-level group: loads a command's module when it is asked for, and turns our errors into one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; its module is imported only now."""
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(_COMMANDS[cmd_name]).command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except TorchmagicError as error:
            raise Failure(str(error)) from error
        except KeyboardInterrupt:
            click.echo("\ntorchmagic: stopped. What was finished is kept; run it again to go on.", err=True)
            ctx.exit(130)


_MANUAL = Manual(
    examples=[
        ("torchmagic demo", "a whole course, start to end, in ./demo-course"),
        ("torchmagic course init pytorch101", "a new nbgrader course in ./pytorch101"),
        ("torchmagic doctor", "is everything installed, and are submissions walled off?"),
        ("torchmagic grade backward_pass", "grade all that was submitted, in the course here"),
        ("torchmagic store", "the results that are kept, so that nothing is run twice"),
        ("torchmagic feedback backward_pass", "write everybody's feedback pages"),
        ("torchmagic export canvas backward_pass", "its grades as a file that Canvas imports"),
        ("torchmagic report backward_pass", "what the class understood, as one page"),
        ("torchmagic tour", "the notebook that shows the magics, in ./tour.ipynb"),
        ("torchmagic completion --help", "complete commands and names with Tab"),
    ],
    exit_status=[
        ("0", "all went well"),
        ("1", "something was left ungraded, or is not as expected"),
        ("2", "wrong usage or input"),
        ("130", "interrupted; what was finished is kept"),
    ],
    files=[
        ("nbgrader_config.py", "makes a folder a course, and says how it is graded"),
        (".torchmagic/", "what a course keeps, so that nothing is run twice"),
    ],
    see_also=["nbgrader", "torchmagic COMMAND --help", "docs/"],
)


@click.command(
    cls=App,
    manual=_MANUAL,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100, "show_default": True},
)
@click.version_option(__version__, prog_name="torchmagic")
def app() -> None:
    """Make PyTorch courses, and grade what students submit.

    Colours and bars are for terminals: a file or a pipe gets plain lines. NO_COLOR in the environment turns
    colours off, COLUMNS sets the width.
    """
