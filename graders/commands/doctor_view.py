"""How `torchmagic doctor` shows what it found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from graders.doctor import WALLS, Finding
from graders.engine.client import Isolation
from graders.installation import Found, State

_HELD = {True: "[green]yes[/]", False: "[bold red]NO[/]", None: "[yellow]not tried[/]"}
_OWN_ROW = ("Python", "torch")
SAID = {True: "held", False: "FELL", None: "not tried"}
_STATES: dict[State, str] = {
    "ok": "[green]ok[/]",
    "warning": "[yellow]look[/]",
    "problem": "[bold red]MEND[/]",
    "skipped": "[dim]–[/]",
}


def show_installation(console: Console, found: Sequence[Found]) -> None:
    """A table of all findings; below it what to do, and a closing line."""
    table = Table(title="Installation", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("part", no_wrap=True)
    table.add_column("what", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("found", overflow="fold")
    last = ""
    for each in _fewer(found):
        part = each.part if each.part != last else ""
        table.add_row(escape(part), escape(each.what), _STATES[each.state], escape(each.detail))
        last = each.part
    console.print(table)
    for state, word in (("problem", "Mend"), ("warning", "Look at")):
        for each in found:
            if each.state == state:
                _say(console, f"{word} {each.part}, {each.what}: {each.detail}")
                _say(console, f"  {each.remedy}")
    bad, odd = (sum(each.state == state for each in found) for state in ("problem", "warning"))
    text = f"{bad} problem{'s' * (bad != 1)}, {odd} warning{'s' * (odd != 1)}."
    console.print(f"Installation: {text}", style="bold red" if bad else "green", highlight=False)


def _fewer(found: Sequence[Found]) -> Iterator[Found]:
    """The findings, with one row for all packages of which there is nothing to say but that they fit."""
    fit = [each for each in found if each.part == "versions" and each.state == "ok" and each.what not in _OWN_ROW]
    names = ", ".join(f"{each.what} {each.detail}" for each in fit)
    for each in found:
        if each not in fit:
            yield each
        elif each is fit[-1]:
            yield Found("versions", f"{len(fit)} packages", "ok", names)


def show_walls(console: Console, findings: Sequence[Finding], isolation: Isolation) -> None:
    """A table of all walls; below it what to do, and a closing line."""
    table = Table(title=f"Walls (isolation: {isolation})", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("a submission cannot")
    table.add_column("mechanism")
    table.add_column("held", no_wrap=True)
    for finding in findings:
        table.add_row(escape(finding.wall), escape(finding.mechanism), _HELD[finding.held])
    console.print(table)
    fallen = [finding for finding in findings if finding.held is False]
    for finding in fallen:
        _say(console, f"{finding.wall}: {finding.detail}")
    for remedy in dict.fromkeys(finding.remedy for finding in fallen):
        _say(console, f"What to do: {remedy}")
    held = sum(finding.held is True for finding in findings)
    console.print(
        f"{held} of {len(findings)} walls held.",
        style="green" if held == len(findings) else "bold red",
        highlight=False,
    )


def next_wall(done: int) -> str:
    """What is being tried after so many walls."""
    return f"Can a submission {WALLS[done].name}?" if done < len(WALLS) else "Cleaning up"


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
