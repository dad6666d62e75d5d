"""`torchmagic completion`: what a shell needs to complete commands, options and names with Tab."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from graders.commands.manual import Manual, PagedCommand

SHELLS = ("bash", "zsh", "fish")

_MANUAL = Manual(
    arguments=[("SHELL", "bash (4.4 or newer), zsh or fish.")],
    examples=[
        ("torchmagic completion bash > ~/.local/share/bash-completion/completions/torchmagic", "for bash-completion"),
        ("torchmagic completion zsh > ~/.zfunc/_torchmagic", "where ~/.zfunc is in fpath before compinit"),
        ("torchmagic completion fish > ~/.config/fish/completions/torchmagic.fish", "for fish"),
        ('eval "$(torchmagic completion bash)"', "in ~/.bashrc: nothing to renew, but half a second at each start"),
    ],
    exit_status=[("0", "it was printed"), ("2", "wrong usage")],
    files=[
        ("~/.local/share/bash-completion/completions/", "where bash-completion looks, with the program's name"),
        ("~/.config/fish/completions/", "where fish looks"),
        ("a folder of zsh's $fpath", "where zsh looks, with an underscore before the name"),
    ],
    see_also=["torchmagic --help", "bash(1)", "zshcompsys(1)", "fish(1)"],
)


@click.command(
    "completion", short_help="Let a shell complete commands and names with Tab.", cls=PagedCommand, manual=_MANUAL
)
@click.argument("shell", metavar="SHELL", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script with which a shell completes torchmagic's commands, options and names.

    It completes commands and options, and also the assignments of the course, the students who submitted,
    export formats and their options, folders and files. Open a new shell once it is in place.
    """
    kind = get_completion_class(shell)
    assert kind is not None  # click knows each of these shells
    program = ctx.find_root().info_name or "torchmagic"
    script = kind(ctx.find_root().command, {}, program, f"_{program.upper()}_COMPLETE")
    click.echo(script.source_template % script.source_vars())
