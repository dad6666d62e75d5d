"""`torchmagic doctor`: is everything installed as it should be, and do the walls around submissions hold?"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from graders.commands.doctor_view import SAID, next_wall, show_installation, show_walls
from graders.commands.manual import Manual, PagedCommand
from graders.commands.options import COURSE_VARIABLE, FOLDER
from graders.doctor import WALLS, Finding, examine, kernel_facts
from graders.engine.client import Isolation
from graders.installation import Found, problems
from graders.installation.examine import examine_installation, path_of_user

PARTS = ("installation", "walls")


_MANUAL = Manual(
    arguments=[("PART", "installation or walls; both if not given.")],
    examples=[
        ("torchmagic doctor", "everything"),
        ("torchmagic doctor installation --course ~/pytorch101", "with that course and its exchange"),
        ("torchmagic doctor walls --isolation process", "what is open to a submission without walls"),
        ("torchmagic doctor --json > doctor.json", "for a report of what is wrong"),
    ],
    exit_status=[
        ("0", "there is no problem, and all walls held; warnings do not count"),
        ("1", "there is a problem, or a wall fell or could not be tried"),
        ("2", "wrong usage"),
    ],
    files=[
        ("nbgrader_config.py", "the course's configuration, which is loaded"),
        ("kernel.json, jupyter_server_config.*", "Jupyter's, which `jupyter --paths` finds; they are read"),
        ("/tmp, the home folder, the exchange", "files named torchmagic-doctor-* for a moment"),
    ],
    see_also=["torchmagic grade", "docs/howto/doctor.md"],
)


@click.command("doctor", short_help="Find what is wrong here, and test the walls.", cls=PagedCommand, manual=_MANUAL)
@click.argument("parts", metavar="[PART]...", nargs=-1, type=click.Choice(PARTS))
@click.option(
    "--course",
    "folder",
    type=FOLDER,
    show_default="the current folder, if it is one",
    help="The course whose configuration, gradebook and exchange are looked at.",
    envvar=COURSE_VARIABLE,
    show_envvar=True,
)
@click.option(
    "--isolation",
    type=click.Choice(["namespaces", "process"]),
    default="namespaces",
    help="How submissions are kept apart. `process` has no walls: see here what then falls.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@click.pass_context
def command(
    ctx: click.Context, parts: tuple[str, ...], folder: Path | None, isolation: Isolation, as_json: bool
) -> None:
    """Find what is wrong with this installation, and prove each wall around submissions by trying to cross it.

    The installation: versions, programs on PATH, Jupyter's extensions, the course with its gradebook and its
    exchange, and the kernel that notebooks run in. Each finding comes with what to do about it. Nothing is
    changed.

    The walls: small hostile submissions, graded with the real engine, read, write, connect, signal
    and take what they must not. It says which wall held, by what mechanism, and what to do where one fell.
    They do no harm where one does, and take about half a minute.
    """
    facts: dict[str, Any] = {}
    sound = True
    out = Console()
    if not parts or "installation" in parts:
        found = _installation(folder, path_of_user(ctx.find_root().obj))
        sound = not problems(found)
        facts["installation"] = [dataclasses.asdict(each) for each in found]
        if not as_json:
            show_installation(out, found)
    if not parts or "walls" in parts:
        findings = _walls(isolation)
        sound = sound and all(finding.held for finding in findings)
        facts |= kernel_facts(findings, isolation)
        if not as_json:
            show_walls(out, findings, isolation)
    if as_json:
        click.echo(json.dumps({"sound": sound, **facts}, indent=2))
    if not sound:
        ctx.exit(1)


def _installation(folder: Path | None, path: str) -> list[Found]:
    progress = Console(stderr=True)
    if not progress.is_terminal:
        return list(examine_installation(folder, path))
    found: list[Found] = []
    with progress.status("Looking at the installation") as status:
        for each in examine_installation(folder, path):
            found.append(each)
            status.update(escape(f"Looking at the installation: {each.part}, {each.what}"))
    return found


def _walls(isolation: Isolation) -> list[Finding]:
    progress = Console(stderr=True)
    done: list[Finding] = []
    if progress.is_terminal:
        with progress.status("Starting the engine") as status:

            def draw(finding: Finding) -> None:
                done.append(finding)
                status.update(escape(f"[{len(done)}/{len(WALLS)}] {next_wall(len(done))}"))

            return examine(isolation, draw)

    def say(finding: Finding) -> None:
        done.append(finding)
        line = f"[{len(done)}/{len(WALLS)}] {finding.wall}: {SAID[finding.held]}"
        progress.print(line, markup=False, highlight=False, soft_wrap=True)

    return examine(isolation, say)
