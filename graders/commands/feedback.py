"""`torchmagic feedback`: write nbgrader's feedback pages, many at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from graders.commands.manual import Manual, PagedCommand
from graders.commands.options import assignments_argument, course_option, jobs_option, students_option
from graders.commands.show import Meter, printable
from graders.nbgrader_plugin.feedback_pool import start_early
from graders.nbgrader_plugin.rows import FeedbackRow

_MANUAL = Manual(
    arguments=[("ASSIGNMENT", "An assignment's name.")],
    examples=[
        ("torchmagic feedback backward_pass", "everybody's pages, in the course here"),
        ("torchmagic feedback backward_pass reductions --jobs 8", "of two assignments, eight at a time"),
        ("torchmagic feedback backward_pass --student ada --force", "one student's, again"),
    ],
    exit_status=[
        ("0", "all pages are up to date"),
        ("1", "some could not be written; the others are, and the last line says how many failed"),
        ("2", "wrong usage, no such course, assignment or student"),
        ("130", "interrupted"),
    ],
    files=[
        ("autograded/STUDENT/ASSIGNMENT/", "the graded notebooks, which are read"),
        ("feedback/STUDENT/ASSIGNMENT/*.html", "the pages"),
    ],
    see_also=["torchmagic grade", "nbgrader generate_feedback", "nbgrader release_feedback"],
)


@click.command("feedback", short_help="Write everybody's feedback pages.", cls=PagedCommand, manual=_MANUAL)
@assignments_argument
@course_option
@jobs_option("Processes that write pages, at the most.")
@students_option
@click.option("--force", is_flag=True, help="Write again what is up to date; needed when a template has changed.")
def command(assignments: tuple[str, ...], folder: Path, jobs: int, students: tuple[str, ...], force: bool) -> None:
    """Write the feedback of all who were graded, for each ASSIGNMENT, as nbgrader generate_feedback does.

    The pages are the same, byte for byte, and lie in the same folders: release them with
    `nbgrader release_feedback`. A page is written again when its notebook, a score or a comment has changed.
    """
    if jobs > 1:
        start_early()
    from graders.nbgrader_plugin.feedback_run import write_feedback  # takes a second, which the workers use as well

    console = Console()
    rows: list[tuple[str, FeedbackRow]] = []
    for assignment in dict.fromkeys(assignments):
        with Meter(console, assignment).running() as meter:
            written = write_feedback(
                folder,
                assignment,
                jobs=jobs,
                students=students or None,
                force=force,
                on_start=meter.start,
                on_result=lambda row, meter=meter: meter.tick(f"{row.student}: {row.outcome}"),  # type: ignore[misc]
            )
        rows += [(assignment, row) for row in written]
    for assignment, row in rows:
        if row.message:
            text = printable(f"{row.student}'s {assignment}: {row.message}")
            console.print(text, markup=False, highlight=False, soft_wrap=True)
    console.print(closing_line([row for _, row in rows]), markup=False, highlight=False, soft_wrap=True)
    if any(row.outcome == "failed" for _, row in rows):
        click.get_current_context().exit(1)


def closing_line(rows: Sequence[FeedbackRow]) -> str:
    """The last line of a run: how many were written, unchanged, and failed.

    >>> closing_line([FeedbackRow("ada", "written"), FeedbackRow("bob", "unchanged")])
    'Feedback for 2 of 2 submissions: 1 written, 1 unchanged.'
    >>> closing_line([FeedbackRow("bob", "failed", "no grades")])
    'Feedback for 0 of 1 submission: 0 written; 1 failed.'
    """
    counts = Counter(row.outcome for row in rows)
    total, failed = len(rows), counts["failed"]
    text = f"Feedback for {total - failed} of {total} submission{'s' * (total != 1)}: {counts['written']} written"
    text += f", {counts['unchanged']} unchanged" if counts["unchanged"] else ""
    return f"{text}; {failed} failed." if failed else f"{text}."
