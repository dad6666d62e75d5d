"""`torchmagic grade`: run and score all submitted work of assignments into the gradebook."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from graders.commands.manual import Manual, PagedCommand
from graders.commands.options import JOBS_VARIABLE, assignments_argument, cores, course_option, students_option
from graders.commands.show import Meter, closing_line, grades_table, printable, tamper_note, ungraded, worth_listing
from graders.commands.signals import ended_as_if_interrupted
from graders.engine.client import Isolation
from graders.executing import SCHEDULER_HELP
from graders.nbgrader_plugin.autograde import grade_assignments
from graders.nbgrader_plugin.rows import SubmissionRow
from graders.run_log import RunLog

_MANUAL = Manual(
    arguments=[("ASSIGNMENT", "An assignment's name.")],
    examples=[
        ("torchmagic grade backward_pass", "all that was submitted, in the course here"),
        ("torchmagic grade backward_pass forward_pass --jobs 8", "two assignments, eight submissions at a time"),
        ("torchmagic grade backward_pass --student ada --student bob --fresh", "two students, whatever is stored"),
        ("torchmagic grade backward_pass --log grading.jsonl", "with a log of each cell's time"),
        ("torchmagic grade backward_pass --scheduler tcp://10.0.0.5:8786", "on a Dask cluster"),
        ("torchmagic grade backward_pass --watch --pause 300", "what arrives, as it arrives"),
    ],
    exit_status=[
        ("0", "every submission was graded"),
        ("1", "some could not be: unreadable, missing, or an error of a test's own; the last line says how many"),
        ("2", "wrong usage, no such course, assignment or student, or nothing can be written"),
        ("130", "interrupted, by Ctrl-C or a signal to end: start it again to go on"),
    ],
    files=[
        ("submitted/STUDENT/ASSIGNMENT/", "what is graded"),
        ("gradebook.db", "the course's gradebook, or what CourseDirectory.db_url names"),
        ("autograded/STUDENT/ASSIGNMENT/", "the graded notebooks"),
        (".torchmagic/", "the course's store of results and notes"),
    ],
    see_also=[
        "torchmagic feedback",
        "torchmagic store",
        "torchmagic doctor",
        "docs/howto/grading-at-scale.md",
        "docs/howto/cluster.md",
    ],
)


@click.command("grade", short_help="Grade all submitted work.", cls=PagedCommand, manual=_MANUAL)
@assignments_argument
@course_option
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    show_default="one a processor core; on a cluster, what its workers take",
    help="Submissions in flight at a time.",
    envvar=JOBS_VARIABLE,
    show_envvar=True,
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    show_default="none: this machine",
    help=SCHEDULER_HELP,
    envvar="TORCHMAGIC_SCHEDULER",
    show_envvar=True,
)
@students_option
@click.option(
    "--isolation",
    type=click.Choice(["namespaces", "process"]),
    show_default="what the course's configuration says",
    help="How submissions are kept apart. `process` has no walls: a submission can then read what you can.",
)
@click.option(
    "--fresh",
    "--force",
    "fresh",
    is_flag=True,
    help="Run everything again, whatever was graded before and whatever the store holds.",
)
@click.option(
    "--log",
    "log",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Append what became of each submission, with times for each of its cells, as JSON lines to this file.",
)
@click.option(
    "--watch",
    is_flag=True,
    help="Go on until you stop it: collect what arrives in the exchange, grade it, write and release the feedback.",
)
@click.option(
    "--every",
    type=click.FloatRange(min=0.1),
    default=5.0,
    metavar="SECONDS",
    help="Watching: the time between two looks.",
)
@click.option(
    "--pause",
    type=click.FloatRange(min=0),
    default=60.0,
    metavar="SECONDS",
    help="Watching: how long a student who hands in again waits for the next run, so that nobody holds up the others.",
)
@click.option("--no-feedback", is_flag=True, help="Watching: only grade.")
@click.pass_context
def command(
    ctx: click.Context,
    assignments: tuple[str, ...],
    folder: Path,
    jobs: int | None,
    scheduler: str | None,
    students: tuple[str, ...],
    isolation: Isolation | None,
    fresh: bool,
    log: Path | None,
    watch: bool,
    every: float,
    pause: float,
    no_feedback: bool,
) -> None:
    """Grade all submitted work of assignments into the course's gradebook.

    Each submission runs behind walls of its own, and the tests run in another process. Each result is stored
    by its submission, assignment, graders and environment (see `torchmagic store`): what was graded before and
    has not changed is not run again, and a run that is stopped or killed goes on when it is started again.
    """
    console = Console()
    names = list(dict.fromkeys(assignments))
    jobs = jobs or (None if scheduler else cores())
    if watch:
        if students or fresh:
            raise click.UsageError(
                "--watch grades what is new, whoever handed it in: it takes no --student or --fresh."
            )
        from graders.commands.watch import watch as go_on_watching
        from graders.nbgrader_plugin.watching import WatchOptions

        with ended_as_if_interrupted():
            go_on_watching(
                console,
                folder,
                names,
                jobs=jobs,
                isolation=isolation,
                scheduler=scheduler,
                every=every,
                options=WatchOptions(pause, not no_feedback),
                log=log,
            )
        return
    with contextlib.ExitStack() as stack:
        meter = stack.enter_context(Meter(console, ", ".join(names)).running())
        entries = stack.enter_context(RunLog(log)) if log is not None else None

        def start(total: int) -> None:
            meter.start(total)
            if entries is not None:
                entries.start(names, total)

        def step(assignment: str, row: SubmissionRow) -> None:
            meter.step(row)
            if entries is not None:
                entries.row(assignment, row)

        try:
            with ended_as_if_interrupted():
                graded = grade_assignments(
                    folder,
                    names,
                    jobs=jobs,
                    students=students or None,
                    fresh=fresh,
                    isolation=isolation,
                    scheduler=scheduler,
                    notice=meter.say,
                    on_start=start,
                    on_result=step,
                )
        except KeyboardInterrupt:
            meter.say(f"Stopped after {meter.said}. What was finished is kept: run the same command again to go on.")
            ctx.exit(130)
    _show(console, graded)
    if any(ungraded(rows) for rows in graded.values()):
        ctx.exit(1)


def _show(console: Console, graded: dict[str, list[SubmissionRow]]) -> None:
    for name, rows in graded.items():
        console.print(grades_table(rows, escape(name)))
        for row in worth_listing(rows):
            if row.message:
                _say(console, printable(f"{row.student}: {row.message}"))
        if tamper_note(rows):
            _say(console, tamper_note(rows))
        _say(console, f"{name}: {closing_line(rows)}" if len(graded) > 1 else closing_line(rows))
    if len(graded) > 1:
        _say(console, closing_line([row for rows in graded.values() for row in rows]))


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
