"""The manual page of a command, which is its ``--help``: the same sections in the same order for each."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

Rows = Sequence[tuple[str, str]]

_WIDEST_TERM = 36
_PLAIN_WIDTH = 78


@dataclass(frozen=True, slots=True)
class Manual:
    """What a command's help says beside its description and options; rows are a term and what it means.

    Attributes:
        examples: command lines, and what each does.
        exit_status: numbers, and when they are given.
        files: what the command reads and writes.
        see_also: commands and pages of the documentation.
        arguments: the words that the usage line names.
    """

    examples: Rows
    exit_status: Rows
    files: Rows
    see_also: Sequence[str]
    arguments: Rows = ()

    def sections(self) -> list[tuple[str, Rows]]:
        """What stands below the options.

        >>> Manual([("torchmagic x", "does x")], [("0", "done")], [("y", "is read")], ["docs/x.md"]).sections()[0]
        ('Examples', [('torchmagic x', 'does x')])
        """
        return [
            ("Examples", self.examples),
            ("Exit status", self.exit_status),
            ("Files", self.files),
            ("See also", [(", ".join(self.see_also), "")]),
        ]

    def text(self) -> str:
        """The same as plain text, for programs that make pages of a command's epilog."""
        return "\n\n".join(_plain(title, rows) for title, rows in self.sections())


class _Paged(click.Command):
    """A command or group whose help has the manual's sections."""

    def __init__(self, *args: Any, manual: Manual, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "epilog": manual.text()})
        self.manual = manual

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The arguments, then the options (and a group's commands)."""
        if self.manual.arguments:
            with formatter.section("Arguments"):
                formatter.write_dl(list(self.manual.arguments), col_max=_WIDEST_TERM)
        super().format_options(ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The other sections, as wide as the terminal."""
        for title, rows in self.manual.sections():
            with formatter.section(title):
                _write(formatter, rows)


class PagedCommand(_Paged):
    """A command with a manual: ``@click.command(cls=PagedCommand, manual=Manual(...))``."""


class PagedGroup(_Paged, click.Group):
    """A group with a manual."""

    command_class = PagedCommand


def _write(formatter: click.HelpFormatter, rows: Rows) -> None:
    """In two columns; where a term is too long for that, each meaning below its term."""
    if all(meaning and len(term) <= _WIDEST_TERM for term, meaning in rows):
        formatter.write_dl(list(rows), col_max=_WIDEST_TERM)
        return
    for term, meaning in rows:
        if not meaning:
            formatter.write_text(term)
            continue
        formatter.write(f"{'':{formatter.current_indent}}{term}\n")  # in one piece: it is there to be copied
        with formatter.indentation(), formatter.indentation():
            formatter.write_text(meaning)


def _plain(title: str, rows: Rows) -> str:
    lines = [f"{title}:"]
    for term, meaning in rows:
        lines += (
            [f"  {term}"] if meaning else textwrap.wrap(term, _PLAIN_WIDTH, initial_indent="  ", subsequent_indent="  ")
        )
        lines += textwrap.wrap(meaning, _PLAIN_WIDTH, initial_indent="      ", subsequent_indent="      ")
    return "\b\n" + "\n".join(lines)
