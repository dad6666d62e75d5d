"""What commands print: progress, tables and closing lines, for terminals and for files alike."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from graders.graded import MISSING
from graders.nbgrader_plugin.rows import NOT_GRADED, SubmissionRow

_STYLES = {"passed": "green", "failed": "yellow", "not attempted": "yellow", "grader error": "bold red"}
_UNGRADED = NOT_GRADED | {MISSING}
_WAYS = {"run": "run", "stored": "from the store", "unchanged": "unchanged"}
#: Outcomes of submissions that somebody may want to look at.
_ODD = _UNGRADED | {"timeout", "memory", "crashed"}
_LONGEST_TABLE = 100


def ungraded(rows: Sequence[SubmissionRow]) -> list[SubmissionRow]:
    """The rows whose submission could not be graded."""
    return [row for row in rows if row.outcome in _UNGRADED]


def closing_line(rows: Sequence[SubmissionRow]) -> str:
    """The last line of a run: how many were graded, with how many of each outcome, and how many were not.

    >>> ada = SubmissionRow("ada", 2.0, 2.0, "passed", 0.1)
    >>> closing_line([ada])
    'Graded 1 of 1 submission: 1 passed.'
    >>> closing_line([ada, SubmissionRow("bob", None, 2.0, "unreadable", 0.1, how="not graded")])
    'Graded 1 of 2 submissions: 1 passed; 1 not graded: 1 unreadable.'
    >>> closing_line([SubmissionRow("ada", 2.0, 2.0, "passed", 0.0, how="unchanged")])
    'Graded 1 of 1 submission (0 run, 1 unchanged): 1 passed.'
    """
    failed = ungraded(rows)
    done = [row for row in rows if row.outcome not in _UNGRADED]
    ways: Counter[str] = Counter(row.how for row in rows if row.how != "not graded")
    text = f"Graded {len(done)} of {len(rows)} submission{'s' * (len(rows) != 1)}"
    if set(ways) - {"run"}:
        text += f" ({', '.join(f'{ways[way]} {said}' for way, said in _WAYS.items() if ways[way] or way == 'run')})"
    if done:
        text += f": {_counted(done)}"
    return f"{text}; {len(failed)} not graded: {_counted(failed)}." if failed else f"{text}."


def _counted(rows: Sequence[SubmissionRow]) -> str:
    kinds = Counter(row.outcome for row in rows)
    return ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items(), key=lambda item: (-item[1], item[0])))


def number(value: float | None) -> str:
    """A score in as few digits as it needs, two decimals at the most.

    >>> number(3.0), number(2.5), number(1 / 3), number(None)
    ('3', '2.5', '0.33', '-')
    """
    return "-" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")


def printable(text: str) -> str:
    """A text without what a terminal takes for commands: a student's error says whatever the student likes.

    >>> printable("Odd: \\x1b[2J\\x9b1A gone\\r")
    'Odd: ?[2J?1A gone?'
    """
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def outcome(text: str) -> str:
    """An outcome with rich's markup around it."""
    return f"[{_STYLES.get(text, 'red')}]{text}[/]"


def worth_listing(rows: Sequence[SubmissionRow]) -> Sequence[SubmissionRow]:
    """All rows; of a large class those that somebody may want to look at."""
    return rows if len(rows) <= _LONGEST_TABLE else [row for row in rows if row.outcome in _ODD][:_LONGEST_TABLE]


def grades_table(rows: Sequence[SubmissionRow], title: str) -> Table:
    """The table student, score, max, outcome, seconds; of a large class only what somebody may want to look at."""
    listed = worth_listing(rows)
    caption = f"and {len(rows) - len(listed)} more, in the gradebook" if len(listed) < len(rows) else None
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, caption=caption, caption_justify="left")
    table.add_column("student", no_wrap=True)
    table.add_column("score", justify="right")
    table.add_column("max", justify="right")
    table.add_column("outcome", no_wrap=True)
    table.add_column("seconds", justify="right")
    for row in listed:
        table.add_row(
            escape(printable(row.student)),
            number(row.score) + "*" * bool(row.not_tamper_proof),
            number(row.max_score),
            outcome(row.outcome),
            f"{row.seconds:.2f}" if row.how == "run" else row.how,
        )
    return table


def tamper_note(rows: Sequence[SubmissionRow]) -> str:
    """What the stars behind scores mean; "" where there are none.

    >>> tamper_note([SubmissionRow("ada", 2.0, 2.0, "passed", 0.1, not_tamper_proof=("check",))])
    "* not tamper-proof: check ran beside the student's code, as marked."
    """
    names = dict.fromkeys(name for row in rows for name in row.not_tamper_proof)
    return f"* not tamper-proof: {', '.join(names)} ran beside the student's code, as marked." if names else ""


class Meter:
    """Shows how grading goes on: a bar on a terminal, a line for each submission elsewhere."""

    def __init__(self, console: Console, label: str) -> None:
        self._console = console
        self._label = label
        self._bar: Progress | None = None
        self._total = self._done = 0
        self._odd: Counter[str] = Counter()
        self._since = time.monotonic()

    @property
    def said(self) -> str:
        """How far it is, as in "12 of 40 submissions"."""
        return f"{self._done} of {self._total} submission{'s' * (self._total != 1)}"

    def start(self, total: int) -> None:
        """The number of submissions is known, and the first begins."""
        self._total = total
        self._since = time.monotonic()
        if self._bar is not None:
            self._bar.reset(self._bar.task_ids[0], total=total, description=self._label, rate="")

    def step(self, row: SubmissionRow) -> None:
        """One submission is graded."""
        self._odd.update({row.outcome: 1} if row.outcome in _ODD else {})
        took = f"in {row.seconds:.2f} s" if row.how == "run" else row.how
        score = f"{number(row.score)}/{number(row.max_score)}"
        self.tick(f"{printable(row.student)}: {row.outcome} {score} {took}")

    def tick(self, text: str) -> None:
        """One is finished; ``text`` is its line where there is no bar."""
        self._done += 1
        rate = self._done / max(time.monotonic() - self._since, 1e-9)
        if self._bar is not None:
            odd = "".join(f" [yellow]{n} {kind}[/]" for kind, n in sorted(self._odd.items()))
            self._bar.update(self._bar.task_ids[0], completed=self._done, rate=f"{rate:.1f}/s{odd}")
            return
        left = (self._total - self._done) / rate
        self._console.print(
            f"[{self._done:>{len(str(self._total))}}/{self._total}] {text} ({rate:.1f}/s, {left:.0f} s left)",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )

    def say(self, text: str) -> None:
        """Print a line beside the bar; from any thread."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    @contextlib.contextmanager
    def running(self) -> Iterator[Meter]:
        """Draw while the context lasts."""
        if not self._console.is_terminal:
            yield self
            return
        with _progress(self._console) as self._bar:
            self._bar.add_task("warming up", total=None, rate="")
            yield self
        self._bar = None


@contextlib.contextmanager
def step(console: Console, doing: str, *, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """One step of several: a spinner on a terminal, then a line with what was done and how long it took.

    Args:
        quiet: no spinner, as something else is drawn there.
    """
    said: list[str] = []
    start = time.monotonic()
    with console.status(escape(doing)) if console.is_terminal and not quiet else contextlib.nullcontext():
        yield said.append
    text = said[-1] if said else doing
    console.print(f"{text} [dim]({time.monotonic() - start:.1f} s)[/]", highlight=False, soft_wrap=True)


@contextlib.contextmanager
def long_step(console: Console, doing: str, total: int) -> Iterator[tuple[Callable[[], None], Callable[[str], None]]]:
    """As :func:`step`, for one that is done in many parts: a bar on a terminal.

    Gives what to call after each part, and what to call with the closing line.
    """
    with step(console, doing, quiet=True) as done, contextlib.ExitStack() as stack:
        bar = stack.enter_context(_progress(console)) if console.is_terminal else None
        if bar is not None:
            bar.add_task(doing, total=total, rate="")
        yield (lambda: bar.advance(bar.task_ids[0]) if bar is not None else None), done


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )
