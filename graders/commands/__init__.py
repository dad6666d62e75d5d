"""The `torchmagic` command line, one module for each command."""

from __future__ import annotations

import importlib
from typing import Any

import click

from torchmagic import __version__
from torchmagic.errors import TorchmagicError

_COMMANDS = {
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


class App(click.Group):
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


@click.command(
    cls=App,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Complete commands and options with Tab:
  bash:  eval "$(_TORCHMAGIC_COMPLETE=bash_source torchmagic)"
  zsh:   eval "$(_TORCHMAGIC_COMPLETE=zsh_source torchmagic)"
  fish:  _TORCHMAGIC_COMPLETE=fish_source torchmagic | source
""",
)
@click.version_option(__version__, prog_name="torchmagic")
def app() -> None:
    """Make PyTorch courses, and grade what students submit.

    \b
    Examples:
      torchmagic demo                              a whole course, start to end, in ./demo-course
      torchmagic course init pytorch101            a new nbgrader course in ./pytorch101
      torchmagic doctor                            whether submissions are walled off on this machine
      torchmagic grade backward_pass               grade all that was submitted, in the course here
      torchmagic store                             the results that are kept, so that nothing is run twice
      torchmagic feedback backward_pass            write everybody's feedback pages
      torchmagic export canvas backward_pass       its grades as a file that Canvas imports
      torchmagic report backward_pass              what the class understood, as one page
      torchmagic tour                              the notebook that shows the magics, in ./tour.ipynb

    Exit status: 0 when all went well, 1 when something was left ungraded or is not as expected,
    2 for wrong usage or input, 130 when interrupted.
    """
