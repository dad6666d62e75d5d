"""`torchmagic store`: what the course's store of results holds, and what of it can go."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table

from graders.commands.manual import Manual, PagedCommand, PagedGroup
from graders.commands.options import course_option
from graders.nbgrader_plugin.config import CONFIG_NAME
from graders.nbgrader_plugin.places import notes_folder, store_folder
from graders.store import Store, Stored
from torchmagic.errors import TorchmagicError

_DAY = 86_400.0


_GROUP = Manual(
    examples=[
        ("torchmagic store", "what there is"),
        ("torchmagic store --course ~/pytorch101", "in that course"),
        ("torchmagic store prune", "remove what no graded submission refers to"),
    ],
    exit_status=[("0", "done"), ("2", "wrong usage, or no such course")],
    files=[(".torchmagic/store/", "the results, by hash"), (".torchmagic/finished/", "which submission has which")],
    see_also=["torchmagic grade", "docs/howto/grading-at-scale.md"],
)
_PRUNE = Manual(
    examples=[
        ("torchmagic store prune", "remove what no graded submission refers to"),
        ("torchmagic store prune --older-than 90", "and was not used for 90 days"),
        ("torchmagic store prune --all --dry-run", "what removing everything would free"),
        ("torchmagic store --course ~/pytorch101 prune", "in that course"),
    ],
    exit_status=[("0", "done"), ("2", "wrong usage, or no such course")],
    files=[(".torchmagic/store/", "the results, by hash")],
    see_also=["torchmagic store", "torchmagic grade --fresh"],
)


@click.group(
    "store",
    invoke_without_command=True,
    short_help="Show or prune the results that are kept.",
    cls=PagedGroup,
    manual=_GROUP,
)
@course_option
@click.pass_context
def command(ctx: click.Context, folder: Path) -> None:
    """Show or prune the results that a course keeps, so that nothing is graded twice.

    Each result is kept by a hash of the submission, the assignment, the graders and the environment. Results of
    earlier submissions, and of tests or versions that have changed since, stay until they are pruned. Nothing
    here touches the gradebook or the autograded notebooks; what is pruned and needed again is run again.
    """
    ctx.obj = folder
    if ctx.invoked_subcommand is None:
        _demand_course(folder)
        _show(Console(), folder)


@command.command("prune", short_help="Remove what nothing refers to any more.", cls=PagedCommand, manual=_PRUNE)
@click.option(
    "--older-than",
    "days",
    type=click.FloatRange(min=0),
    metavar="DAYS",
    show_default="any age",
    help="Only what was not used for so long.",
)
@click.option("--all", "everything", is_flag=True, help="Also what graded submissions refer to.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.pass_obj
def prune(folder: Path, days: float | None, everything: bool, dry_run: bool) -> None:
    """Remove results that no graded submission refers to any more.

    Grading needs none of them again, unless an earlier version of a submission or of its tests comes back.
    """
    _demand_course(folder)
    store = Store(store_folder(folder))
    used = frozenset[str]() if everything else _used(folder)
    oldest = time.time() - (days or 0.0) * _DAY
    going = [entry for entry in store if entry.key not in used and (days is None or entry.used < oldest)]
    for entry in [] if dry_run else going:
        store.remove(entry.key)
    if not dry_run:
        store.remove_drafts()
    did = "Would remove" if dry_run else "Removed"
    click.echo(f"{did} {_count(going)}, {decimal(sum(entry.size for entry in going))}.")


def _show(console: Console, folder: Path) -> None:
    from graders.nbgrader_plugin.finished import Notes  # imports nbgrader, which --help can do without

    entries = {entry.key: entry for entry in Store(store_folder(folder))}
    table = Table(title=f"Stored results in {escape(str(store_folder(folder)))}", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("assignment", "results", "size", "last used"):
        table.add_column(heading, justify="left" if heading == "assignment" else "right")
    left = set(entries)
    for assignment in _assignments(folder):
        keys = {note.key for note in Notes(notes_folder(folder, assignment))} & set(entries)
        left -= keys
        table.add_row(escape(assignment), *_facts([entries[key] for key in keys]))
    table.add_row("(no longer referred to)", *_facts([entries[key] for key in left]))
    console.print(table)
    everything = list(entries.values())
    console.print(f"{_count(everything)}, {decimal(sum(entry.size for entry in everything))} in all.", highlight=False)


def _facts(entries: list[Stored]) -> tuple[str, str, str]:
    last = max((entry.used for entry in entries), default=None)
    when = "-" if last is None else f"{datetime.fromtimestamp(last, timezone.utc).astimezone():%Y-%m-%d %H:%M}"
    return str(len(entries)), decimal(sum(entry.size for entry in entries)), when


def _used(folder: Path) -> frozenset[str]:
    """The keys that the notes of graded submissions refer to."""
    from graders.nbgrader_plugin.finished import Notes

    return frozenset(note.key for name in _assignments(folder) for note in Notes(notes_folder(folder, name)))


def _assignments(folder: Path) -> list[str]:
    place = notes_folder(folder)
    return sorted(path.name for path in place.iterdir()) if place.is_dir() else []


def _count(entries: Iterable[Stored]) -> str:
    number = len(list(entries))
    return f"{number} result{'s' * (number != 1)}"


def _demand_course(folder: Path) -> None:
    if not (folder / CONFIG_NAME).is_file():
        raise TorchmagicError(
            f"{folder.resolve()} is no nbgrader course: it has no {CONFIG_NAME}.",
            hint="Name yours with `torchmagic store --course DIR`.",
        )
