"""`torchmagic demo`: a whole course on real files, from release to feedback, with a simulated class."""

from __future__ import annotations

import csv
import json
import shlex
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from graders.commands.manual import Manual, PagedCommand
from graders.commands.options import FOLDER, folders, jobs_option
from graders.commands.show import Meter, long_step, number, outcome, step
from graders.courses import clone_assignments, find_assignments
from graders.mutants import KINDS
from graders.nbgrader_plugin.autograde import grade_assignments
from graders.nbgrader_plugin.rows import SubmissionRow
from graders.simulation import Handin
from torchmagic.tour import NOTEBOOK

if TYPE_CHECKING:  # imports nbgrader, which takes longer than all else that --help does
    from graders.nbgrader_plugin.course import Course, GradebookEntry

FIGURES = "demo.json"
CLASS = "class.csv"
_MOST_ROWS = 60


def _known(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """For the shell's completion: assignments of the clone."""
    source = ctx.params.get("source") or clone_assignments() / "source"
    return sorted({p.parent.name for p in source.glob("*/*.ipynb") if p.parent.name.startswith(incomplete)})


_MANUAL = Manual(
    arguments=[("DIR", "Where the course goes; ./demo-course if not given.")],
    examples=[
        ("torchmagic demo", "a class of 24"),
        ("torchmagic demo /tmp/course --students 100 --jobs 4", "a class of 100"),
        ("torchmagic demo --students 1000 --seed 1 --assignment backward_pass", "a load test"),
        ("torchmagic demo /tmp/big --students 1000 --no-grade", "all but the grading, to try that by hand"),
    ],
    exit_status=[
        ("0", "every score was as expected"),
        ("1", "one was not: it is named"),
        ("2", "wrong usage or input"),
        ("130", "interrupted"),
    ],
    files=[
        ("DIR/class.csv", "who handed in what, and the score that it must get"),
        ("DIR/gradebook.db", "the scores that it got"),
        ("DIR/feedback/", "everybody's feedback pages"),
        ("DIR/tour.ipynb", "a tour of the magics, run"),
        ("DIR/demo.json", "figures of the run"),
    ],
    see_also=["torchmagic grade", "torchmagic report", "docs/howto/load-test.md"],
)


@click.command("demo", short_help="Show a whole course with a simulated class.", cls=PagedCommand, manual=_MANUAL)
@click.argument(
    "folder", metavar="[DIR]", type=click.Path(path_type=Path), default=Path("demo-course"), shell_complete=folders
)
@click.option("--students", "count", type=click.IntRange(min=1), metavar="N", default=24, help="The size of the class.")
@click.option("--seed", type=int, metavar="N", default=0, help="Deals the solutions to the students.")
@click.option(
    "--assignment",
    "assignments",
    multiple=True,
    metavar="NAME",
    shell_complete=_known,
    help="Only this assignment, and no tour; may be given repeatedly.",
)
@click.option("--no-grade", is_flag=True, help="Stop when everything is collected, and say how to go on.")
@jobs_option("Submissions in flight at a time.")
@click.option(
    "--source", type=FOLDER, show_default="the one that is installed", help="A clone of torchmagic to take it from."
)
@click.option("--force", is_flag=True, help="Replace an earlier demo in DIR.")
@click.pass_context
def command(
    ctx: click.Context,
    folder: Path,
    count: int,
    seed: int,
    assignments: tuple[str, ...],
    no_grade: bool,
    jobs: int,
    source: Path | None,
    force: bool,
) -> None:
    """Show a whole course, start to end: release, submissions, grading, feedback.

    Makes an nbgrader course with its own exchange, generates and releases its assignments, lets simulated
    students fetch, solve (right, partly wrong, blank, broken, hostile) and submit them, collects, grades,
    holds every score against the expected one, writes the feedback, and runs a tour of the magics.

    Solutions are dealt in the proportions of a real class, the same for the same seed:
    docs/howto/load-test.md.
    """
    from graders.demo import LOG, compare, deal, make_demo
    from graders.nbgrader_plugin.said import log_to
    from graders.tour import run_tour

    console = Console()
    sources = find_assignments(source)
    handins = deal(sources, assignments or None, count, seed)
    names = list(dict.fromkeys(handin.assignment for handin in handins))
    course = make_demo(folder, sources, force=force)
    with log_to(folder / LOG):
        _make_class(console, course, names, handins, count)
        if no_grade:
            _say_how_to_go_on(console, folder, names)
            return
        rows, seconds = _grade(console, course, names, jobs)
        scores = {name: course.scores(name) for name in names}
        wrong = compare(handins, scores)
        for name in names:
            shown = _table if count <= _MOST_ROWS else _summary
            console.print(shown(name, [h for h in handins if h.assignment == name], scores[name], rows[name]))
        _say_compared(console, len(handins), [str(mismatch) for mismatch in wrong], seconds)
        with long_step(console, "Writing feedback", len(handins)) as (advance, done):
            written = sum(
                len(course.write_feedback(name, jobs=jobs, on_result=lambda row: advance())) for name in names
            )
            done(f"Wrote nbgrader's feedback for {written} submissions")
        if not assignments:
            with step(console, "Running the tour") as done:
                drawn = run_tour(NOTEBOOK, folder / NOTEBOOK.name)
                done(f"Ran the tour: magics drew in {len(drawn)} cells")
    figures = {"submissions": len(handins), "grading_seconds": round(seconds, 3), "mismatches": len(wrong)}
    (folder / FIGURES).write_text(json.dumps(figures), encoding="utf-8")
    made = [("Gradebook", course.gradebook), ("Feedback", str(course.feedback_folder))]
    if not assignments:
        made.append(("Notebook", str((folder / NOTEBOOK.name).resolve())))
    for label, path in made:
        _say(console, f"{label + ':':<11}{path}")
    if wrong:
        ctx.exit(1)


def _make_class(console: Console, course: Course, names: Sequence[str], handins: Sequence[Handin], count: int) -> None:
    from graders.demo import release, submit_all

    with step(console, "Releasing the assignments") as done:
        release(course, names)
        done(f"Course in {course.folder}: generated and released {', '.join(names)}")
    with long_step(console, "Students are working", len(handins)) as (advance, done):
        submit_all(course, handins, advance)
        students = "1 student" if count == 1 else f"{count} students"
        done(f"{students} fetched, solved and submitted; collected {len(handins)} submissions")
    with (course.folder / CLASS).open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("assignment", "student", "solution", "kind", "score", "text_of", "disguised", "hours_late"))
        for h in handins:
            author, late = h.author or h.student, f"{max(h.hours, 0):.2f}"
            row = (h.assignment, h.student, h.mutant.name, h.mutant.kind, h.mutant.score, author, h.disguised, late)
            table.writerow(row)


def _say_how_to_go_on(console: Console, folder: Path, names: Sequence[str]) -> None:
    _say(console, f"Not graded. {folder / CLASS} says which scores to expect. Go on with:")
    for name in names:
        _say(console, f"  torchmagic grade {name} --course {shlex.quote(str(folder))}")


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _grade(
    console: Console, course: Course, names: list[str], jobs: int
) -> tuple[dict[str, dict[str, SubmissionRow]], float]:
    start = time.monotonic()
    with Meter(console, "grading").running() as meter:
        graded = grade_assignments(
            course.folder, names, jobs=jobs, on_start=meter.start, on_result=lambda name, row: meter.step(row)
        )
    rows = {name: {row.student: row for row in found} for name, found in graded.items()}
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


def _summary(
    name: str, handins: list[Handin], scores: dict[str, GradebookEntry], rows: dict[str, SubmissionRow]
) -> Table:
    """As :func:`_table`, a row for each kind of solution: for a large class."""
    table = Table(title=f"Gradebook: {escape(name)}", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("kind", no_wrap=True)
    for column in ("submissions", "mean score", "max"):
        table.add_column(column, justify="right")
    table.add_column("outcomes")
    table.add_column("mean seconds", justify="right")
    for kind in KINDS:
        some = [handin.student for handin in handins if handin.mutant.kind == kind]
        if not some:
            continue
        got = [scores[student].score if student in scores else 0.0 for student in some]
        ended = Counter(rows[student].outcome for student in some)
        table.add_row(
            kind,
            str(len(some)),
            number(sum(got) / len(some)),
            number(rows[some[0]].max_score),
            ", ".join(f"{n} {outcome(what)}" for what, n in ended.most_common()),
            f"{sum(rows[student].seconds for student in some) / len(some):.2f}",
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
        _say(console, f"  {line}")
