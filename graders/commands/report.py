"""`torchmagic report`: what an assignment's class understood, as one page for its instructor, and as JSON."""

from __future__ import annotations

import re
import webbrowser
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from graders.commands.manual import Manual, PagedCommand
from graders.commands.options import assignment_argument, course_option
from torchmagic.errors import TorchmagicError

if TYPE_CHECKING:  # imports nbgrader, which takes longer than all else that --help does
    from graders.reporting.facts import ClassFacts

_MANUAL = Manual(
    arguments=[("ASSIGNMENT", "An assignment's name.")],
    examples=[
        ("torchmagic report backward_pass", "reports/backward_pass.html in the course here"),
        ("torchmagic report backward_pass --course ~/pytorch101 --open", "and show it"),
        ("torchmagic report backward_pass --anonymous --output class.html", "to show in class"),
        ("torchmagic report backward_pass --json - | jq '.misconceptions[0].title'", "the commonest misconception"),
    ],
    exit_status=[
        ("0", "it was written"),
        ("2", "wrong usage, no such course or assignment, or nothing graded yet"),
    ],
    files=[
        ("gradebook.db, autograded/", "the scores and the graded notebooks, which are read"),
        ("reports/ASSIGNMENT.html", "the page, if --output names no other"),
    ],
    see_also=["torchmagic grade", "torchmagic export", "docs/howto/report.md"],
)


@click.command("report", short_help="Report on what the class understood.", cls=PagedCommand, manual=_MANUAL)
@assignment_argument
@course_option
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE.html",
    show_default="reports/ASSIGNMENT.html in the course",
    help="Where the page goes.",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Write the same facts as JSON, too; - prints them, and writes no page unless --output is given.",
)
@click.option("--anonymous", is_flag=True, help="Numbers in the place of students, for showing it in class.")
@click.option("--no-similar", is_flag=True, help="Do not look for texts that are alike.")
@click.option("--open", "open_page", is_flag=True, help="Open the page in the browser.")
def command(
    assignment: str,
    folder: Path,
    output: Path | None,
    json_file: Path | None,
    anonymous: bool,
    no_similar: bool,
    open_page: bool,
) -> None:
    """Report on the graded work of an assignment: one page of HTML that needs no network and no script.

    It says what to look at first, and then: the scores; the misconceptions, by how many students share them,
    each with an example that names nobody; for each question success, discrimination and time; how submissions
    ended; tests that are not tamper-proof; texts that are alike. docs/howto/report.md says what each number means.
    """
    from graders.nbgrader_plugin.results import class_results
    from graders.reporting.export import report_json
    from graders.reporting.facts import gather
    from graders.reporting.page import report_html

    facts = gather(class_results(folder, assignment), anonymous=anonymous, similar=not no_similar)
    to_terminal = json_file is not None and str(json_file) == "-"
    if json_file is not None and not to_terminal:
        _write(json_file, report_json(facts) + "\n")
    if to_terminal:
        click.echo(report_json(facts))
    if output is None and to_terminal:
        return
    page = output if output is not None else folder / "reports" / f"{_file_name(assignment, anonymous)}.html"
    _write(page, report_html(facts, made=_today()))
    click.echo(_said(facts, page), err=to_terminal)
    if open_page:
        webbrowser.open(page.resolve().as_uri())


def _said(facts: ClassFacts, page: Path) -> str:
    counted = f"{facts.counted} of {len(facts.students)} student{'s' * (len(facts.students) != 1)}"
    errors = len(facts.grader_errors)
    more = f" {errors} grader error{'s' * (errors != 1)}: mend them first." if errors else ""
    return f"Report on {facts.assignment} ({counted} with an attempt): {page}.{more}"


def _file_name(assignment: str, anonymous: bool) -> str:
    return re.sub(r"[^\w.-]+", "-", assignment) + ("-anonymous" if anonymous else "")


def _today() -> str:
    today = date.today()
    return f"{today.day} {today:%B %Y}"


def _write(path: Path, text: str) -> None:
    """Write a file, and the folder that it goes into."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise TorchmagicError(
            f"{path} cannot be written: {error.strerror or error}.", hint="Name another file with `--output FILE.html`."
        ) from error
