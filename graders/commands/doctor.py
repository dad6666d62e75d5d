"""`torchmagic doctor`: prove each wall around submissions by trying to cross it."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from graders.doctor import WALLS, Finding, examine, kernel_facts
from graders.engine.client import Isolation

_HELD = {True: "[green]yes[/]", False: "[bold red]NO[/]", None: "[yellow]not tried[/]"}
_SAID = {True: "held", False: "FELL", None: "not tried"}


@click.command("doctor")
@click.option(
    "--isolation",
    type=click.Choice(["namespaces", "process"]),
    default="namespaces",
    show_default=True,
    help="How submissions are kept apart. `process` has no walls: see here what then falls.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@click.pass_context
def command(ctx: click.Context, isolation: Isolation, as_json: bool) -> None:
    """Prove each wall around submissions by trying to cross it.

    Grades small hostile submissions with the real engine: they read, write, connect, signal, and take what
    they must not. Says which wall held, by what mechanism, and what to do where one fell. Does no harm where
    they do, and takes about half a minute.

    \b
    Examples:
      torchmagic doctor
      torchmagic doctor --isolation process     what is open to a submission without walls
      torchmagic doctor --json > doctor.json

    Exit status: 0 when all walls held, 1 when one fell or could not be tried, 2 for wrong usage.
    """
    progress = Console(stderr=True)
    done: list[Finding] = []
    if progress.is_terminal:
        with progress.status("Starting the engine") as status:

            def draw(finding: Finding) -> None:
                done.append(finding)
                status.update(escape(f"[{len(done)}/{len(WALLS)}] {_next(len(done))}"))

            findings = examine(isolation, draw)
    else:

        def say(finding: Finding) -> None:
            done.append(finding)
            line = f"[{len(done)}/{len(WALLS)}] {finding.wall}: {_SAID[finding.held]}"
            progress.print(line, markup=False, highlight=False, soft_wrap=True)

        findings = examine(isolation, say)
    if as_json:
        click.echo(json.dumps(kernel_facts(findings, isolation), indent=2))
    else:
        _show(Console(), findings, isolation)
    if not all(finding.held for finding in findings):
        ctx.exit(1)


def _next(done: int) -> str:
    return f"Can a submission {WALLS[done].name}?" if done < len(WALLS) else "Cleaning up"


def _show(console: Console, findings: Sequence[Finding], isolation: Isolation) -> None:
    table = Table(title=f"Walls (isolation: {isolation})", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("a submission cannot")
    table.add_column("mechanism")
    table.add_column("held", no_wrap=True)
    for finding in findings:
        table.add_row(escape(finding.wall), escape(finding.mechanism), _HELD[finding.held])
    console.print(table)
    fallen = [finding for finding in findings if finding.held is False]
    for finding in fallen:
        console.print(f"{finding.wall}: {finding.detail}", markup=False, highlight=False, soft_wrap=True)
    for remedy in dict.fromkeys(finding.remedy for finding in fallen):
        console.print(f"What to do: {remedy}", markup=False, highlight=False, soft_wrap=True)
    held = sum(finding.held is True for finding in findings)
    console.print(
        f"{held} of {len(findings)} walls held.",
        style="green" if held == len(findings) else "bold red",
        highlight=False,
    )
