"""`torchmagic grade`: run and score all submitted work of an assignment into the gradebook."""

from __future__ import annotations

import os
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from graders.commands.options import assignment_argument, course_option
from graders.commands.show import Meter, closing_line, grades_table, printable, tamper_note, ungraded
from graders.engine.client import Isolation
from graders.nbgrader_plugin.autograde import grade_assignment


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@click.command("grade")
@assignment_argument
@course_option
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=cores,
    show_default="one a processor core",
    help="Submissions in flight at a time.",
)
@click.option("--student", "students", multiple=True, metavar="ID", help="Only this student; may be given repeatedly.")
@click.option(
    "--isolation",
    type=click.Choice(["namespaces", "process"]),
    help="How submissions are kept apart, in place of what the course's configuration says. `process` has no walls: "
    "a submission can then read what you can.",
)
@click.option("--force", is_flag=True, help="Grade again what was graded and has not changed since.")
def command(
    assignment: str, folder: Path, jobs: int, students: tuple[str, ...], isolation: Isolation | None, force: bool
) -> None:
    """Grade all submitted work of ASSIGNMENT into the course's gradebook.

    Each submission runs behind walls of its own, and the tests run in another process. What was graded
    before and has not changed is not run again.

    \b
    Examples:
      torchmagic grade backward_pass
      torchmagic grade backward_pass --course ~/pytorch101 --jobs 8
      torchmagic grade backward_pass --student ada --student bob --force

    Exit status: 0 when every submission was graded. 1 when some could not be (unreadable, missing, or an
    error of a test's own): the others are graded all the same, and the last line says how many failed and
    of which kind. 2 for wrong usage, no such course, assignment or student.
    """
    console = Console()
    with Meter(console, assignment).running() as meter:
        rows = grade_assignment(
            folder,
            assignment,
            jobs=jobs,
            students=students or None,
            force=force,
            isolation=isolation,
            on_start=meter.start,
            on_result=meter.step,
        )
    console.print(grades_table(rows, escape(assignment)))
    for row in rows:
        if row.message:
            console.print(printable(f"{row.student}: {row.message}"), markup=False, highlight=False, soft_wrap=True)
    if tamper_note(rows):
        console.print(tamper_note(rows), markup=False, highlight=False, soft_wrap=True)
    console.print(closing_line(rows), markup=False, highlight=False, soft_wrap=True)
    if ungraded(rows):
        click.get_current_context().exit(1)
