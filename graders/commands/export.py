"""`torchmagic export`: grades for Canvas, Moodle and Gradescope, or as a CSV or Parquet table."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from graders.commands.manual import Manual, PagedCommand
from graders.commands.options import course_option, known_assignments, students_option
from graders.commands.show import printable
from graders.nbgrader_plugin.exports import FORMATS
from torchmagic.errors import TorchmagicError


def _known_settings(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """For the shell's completion: the options of the format that stands before."""
    from graders.nbgrader_plugin.exports.course import options_of

    name = next((word for word in ctx.args if word in FORMATS), None)  # an unfinished line has no parameters yet
    options = options_of(name) if name is not None else []
    return [
        CompletionItem(f"{option.name}=", help=option.help) for option in options if option.name.startswith(incomplete)
    ]


_MANUAL = Manual(
    arguments=[
        ("FORMAT", ", ".join(sorted(FORMATS))),
        ("ASSIGNMENT", "An assignment's name; all of the gradebook's if none is given."),
    ],
    examples=[
        ("torchmagic export canvas", "all assignments, into ./canvas.csv"),
        ("torchmagic export canvas ps1 --set assignments=ps1=4711", "into Canvas's assignment 4711"),
        ("torchmagic export moodle ps1 ps2 --to grades.csv --set feedback=true", "two, with their feedback"),
        ("torchmagic export moodle-worksheet ps1 --set worksheet=Grades-ps1.csv", "fills Moodle's own worksheet"),
        ("torchmagic export gradescope ps1 --to results/", "results/ps1/STUDENT/results.json"),
        ("torchmagic export parquet --student ada", "one student's grades as a table"),
        ("torchmagic export canvas --options", "what can be set"),
    ],
    exit_status=[
        ("0", "every student was exported"),
        ("1", "some were left out, for the gradebook lacks what the platform tells them by: a line says who and why"),
        ("2", "wrong usage, no such course, assignment or student, or a file that cannot be written"),
    ],
    files=[
        ("gradebook.db", "the course's gradebook, which is read"),
        ("canvas.csv, grades.parquet and the like", "written in the current folder, if --to names no other"),
    ],
    see_also=["torchmagic grade", "nbgrader export", "docs/howto/exports.md"],
)


@click.command("export", short_help="Export grades for other systems, or as a table.", cls=PagedCommand, manual=_MANUAL)
@click.argument("format_name", metavar="FORMAT", type=click.Choice(sorted(FORMATS)))
@click.argument("assignments", metavar="[ASSIGNMENT]...", nargs=-1, shell_complete=known_assignments)
@course_option
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    show_default="canvas.csv, grades.parquet and the like",
    help="The file to write, in place of an earlier one.",
)
@students_option
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="OPTION=VALUE",
    shell_complete=_known_settings,
    help="An option of the format, in place of what the course's configuration says; may be given repeatedly.",
)
@click.option("--options", "listing", is_flag=True, help="List the options of FORMAT, and write nothing.")
def command(
    format_name: str,
    assignments: tuple[str, ...],
    folder: Path,
    to: Path | None,
    students: tuple[str, ...],
    settings: tuple[str, ...],
    listing: bool,
) -> None:
    """Export grades from the course's gradebook, for another system or as a table.

    `nbgrader export` writes the same with --exporter=graders.nbgrader_plugin.exports.canvas.CanvasExport and
    so on.
    """
    from graders.nbgrader_plugin.exports.course import export_grades, options_of  # nbgrader: not for --help

    if listing:
        for option in options_of(format_name):
            click.echo(f"{option.name} = {option.default}\n    {option.help}")
        return
    exported = export_grades(
        folder, format_name, to=to, assignments=assignments, students=students, settings=_parsed(settings)
    )
    for note in exported.notes:
        click.echo(printable(note))
    people = f"{exported.students} student{'s' * (exported.students != 1)}"
    tasks = f"{exported.assignments} assignment{'s' * (exported.assignments != 1)}"
    click.echo(printable(f"Exported {people}, {tasks}: {exported.path}"))
    if exported.left_out:
        click.get_current_context().exit(1)


def _parsed(settings: tuple[str, ...]) -> list[tuple[str, str]]:
    pairs = [setting.partition("=") for setting in settings]
    for name, equals, _ in pairs:
        if not equals:
            raise TorchmagicError(f"`--set {name}` sets nothing.", hint="Write it as `--set OPTION=VALUE`.")
    return [(name.strip(), value) for name, _, value in pairs]
