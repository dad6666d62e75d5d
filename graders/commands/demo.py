"""`torchmagic demo`: a whole course on real files, from release to feedback, with a simulated class."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from graders.commands.options import cores
from graders.commands.show import Meter, number, outcome, step
from graders.courses import find_assignments
from graders.demo import LOG, compare, hand_in, make_demo
from graders.mutants import load_mutants
from graders.nbgrader_plugin.autograde import grade_assignment
from graders.nbgrader_plugin.course import Course, GradebookEntry, log_to
from graders.nbgrader_plugin.rows import SubmissionRow
from graders.simulation import Handin, cast, students
from graders.tour import run_tour

FIGURES = "demo.json"


@click.command("demo")
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=Path("demo-course"))
@click.option("--students", "count", type=click.IntRange(min=1), default=24, show_default=True, help="How many.")
@click.option("--seed", type=int, default=0, show_default=True, help="Deals the solutions to the students.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=cores,
    show_default="one a processor core",
    help="Submissions in flight at a time.",
)
@click.option("--source", type=click.Path(path_type=Path), help="A clone of torchmagic, if not the installed one.")
@click.option("--force", is_flag=True, help="Replace an earlier demo in DIR.")
@click.pass_context
def command(
    ctx: click.Context, folder: Path, count: int, seed: int, jobs: int, source: Path | None, force: bool
) -> None:
    """Show a whole course in DIR (./demo-course if not given): release, submissions, grading, feedback.

    Makes an nbgrader course with its own exchange, generates and releases its assignments, lets simulated
    students fetch, solve (right, partly wrong, blank, broken, hostile) and submit them, collects, grades,
    holds every score against the expected one, writes the feedback, and runs a tour of the magics.

    \b
    Examples:
      torchmagic demo
      torchmagic demo /tmp/course --students 100 --jobs 4

    Exit status: 0 when every score was as expected, else 1.
    """
    console = Console()
    assignments = find_assignments(source)
    course = make_demo(folder, assignments, force=force)
    names = course.sources()
    handins = cast(students(count), {name: load_mutants(assignments.parent / "mutants", name) for name in names}, seed)
    with log_to(folder / LOG):
        with step(console, "Releasing the assignments") as done:
            for name in names:
                course.generate(name)
                course.release(name)
            done(f"Course in {folder}: generated and released {', '.join(names)}")
        with step(console, "Students are working") as done:
            for handin in handins:
                hand_in(course, handin)
            for name in names:
                course.collect(name)
            done(f"{count} students fetched, solved and submitted; collected {len(handins)} submissions")
        rows, seconds = _grade(console, course, names, jobs)
        scores = {name: course.scores(name) for name in names}
        for name in names:
            console.print(_table(name, [h for h in handins if h.assignment == name], scores[name], rows[name]))
        wrong = compare(handins, scores)
        _say_compared(console, len(handins), [str(mismatch) for mismatch in wrong], seconds)
        with step(console, "Writing feedback") as done:
            written = sum(len(course.write_feedback(name)) for name in names)
            done(f"Wrote nbgrader's feedback for {written} submissions")
        with step(console, "Running the tour") as done:
            drawn = run_tour(assignments.parent / "tour.ipynb", folder / "tour.ipynb")
            done(f"Ran the tour: magics drew in {len(drawn)} cells")
    figures = {"submissions": len(handins), "grading_seconds": round(seconds, 3), "mismatches": len(wrong)}
    (folder / FIGURES).write_text(json.dumps(figures), encoding="utf-8")
    for label, path in (
        ("Gradebook", course.gradebook),
        ("Feedback", str(course.feedback_folder)),
        ("Notebook", str((folder / "tour.ipynb").resolve())),
    ):
        console.print(f"{label + ':':<11}{path}", markup=False, highlight=False, soft_wrap=True)
    if wrong:
        ctx.exit(1)


def _grade(
    console: Console, course: Course, names: list[str], jobs: int
) -> tuple[dict[str, dict[str, SubmissionRow]], float]:
    start = time.monotonic()
    rows = {}
    for name in names:
        with Meter(console, name).running() as meter:
            graded = grade_assignment(course.folder, name, jobs=jobs, on_start=meter.start, on_result=meter.step)
        rows[name] = {row.student: row for row in graded}
    return rows, time.monotonic() - start


def _table(
    name: str, handins: list[Handin], scores: dict[str, GradebookEntry], rows: dict[str, SubmissionRow]
) -> Table:
    table = Table(title=f"Gradebook: {escape(name)}", title_justify="left", box=SIMPLE_HEAD)
    for column in ("student", "handed in"):
        table.add_column(column, no_wrap=True)
    for column in ("score", "max"):
        table.add_column(column, justify="right")
    table.add_column("outcome", no_wrap=True)
    table.add_column("seconds", justify="right")
    for handin in sorted(handins, key=lambda handin: handin.student):
        row, entry = rows[handin.student], scores.get(handin.student)
        table.add_row(
            escape(handin.student),
            escape(handin.mutant.name),
            number(entry.score if entry else None),
            number(entry.max_score if entry else row.max_score),
            outcome(row.outcome),
            f"{row.seconds:.2f}",
        )
    return table


def _say_compared(console: Console, total: int, wrong: list[str], seconds: float) -> None:
    console.print(
        f"Graded {total} submissions in {seconds:.1f} s ({total / seconds:.1f}/s): "
        + (f"all {total} scores as expected" if not wrong else f"{len(wrong)} scores not as expected:"),
        style="green" if not wrong else "bold red",
        highlight=False,
        soft_wrap=True,
    )
    for line in wrong:
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
