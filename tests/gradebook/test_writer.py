"""Batches: what is refused is refused by name, what failed by itself keeps its score, and the order does not matter."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbgrader.plugins import BasePlugin
from sqlalchemy import create_engine, text
from traitlets.config import Config

from graders.graded import UNREADABLE, Graded, GradedNotebook
from graders.nbgrader_plugin.gradebook_rows import Entry
from graders.nbgrader_plugin.writer import GradebookWriter
from graders.nbgrader_plugin.written import NotWritten
from torchmagic.errors import TorchmagicError

from .books import ASSIGNMENT, COURSE, DUE, Book, Paper, full, with_kept
from .test_rows import CONFIG, HANDED_IN

LATE = DUE + timedelta(hours=26)


def _grades(book: Book, student: str, notebook: str) -> dict[str, tuple[Any, ...]]:
    """By grade_id: automatic score, score by hand, extra credit, and whether it asks for a look."""
    return {row[2]: row[4:] for row in book.rows()["grade"] if row[:2] == (student, notebook)}


def _penalties(book: Book, student: str) -> list[float | None]:
    return [row[3] for row in book.rows()["notebook"] if row[0] == student]


@pytest.mark.slow
def test_unknown_students_are_refused_by_name_and_the_others_are_written(book: Book) -> None:
    with book.gradebook() as gradebook:
        gradebook.add_student("ada")
        gradebook.add_student("bob")
    with book.writer(create_students=False) as writer:
        with pytest.raises(NotWritten) as caught:
            writer.write([Paper(student, full()).entry() for student in ("ada", "eve", "bob", "mallory")])
        assert caught.value.student == "eve"
        assert [refusal.student for refusal in caught.value.refusals] == ["eve", "mallory"]
        assert [(one.student, one.score) for one in caught.value.written] == [("ada", 6.8), ("bob", 6.8)]
        assert "'eve'" in str(caught.value)
        assert "nbgrader db student add eve" in caught.value.hint
    assert [row[0] for row in book.rows()["student"]] == ["ada", "bob"]
    assert [row[0] for row in book.rows()["submitted"]] == ["ada", "bob"]


@pytest.mark.parametrize("name", ["not-utf8-\udcff", "nul-\0", ""])
def test_a_name_that_no_database_can_hold_stops_nobody_else(name: str, book: Book) -> None:
    with book.writer() as writer, pytest.raises(NotWritten, match="the name") as caught:
        writer.write([Paper(name, full()).entry(), Paper("ada", full()).entry()])
    assert caught.value.student == name
    assert [row[0] for row in book.rows()["submitted"]] == ["ada"]


def test_a_name_that_is_too_long_is_refused_where_the_database_counts(book: Book) -> None:
    longest, longer = Paper("x" * 128, full()).entry(), Paper("x" * 129, full()).entry()
    with book.writer() as writer:
        if book.db_url.startswith("sqlite"):
            assert len(writer.write([longest, longer])) == 2
            return
        with pytest.raises(NotWritten, match="more than 128 characters") as caught:
            writer.write([longer, longest])
        assert [one.student for one in caught.value.written] == [longest.student]
    assert [row[0] for row in book.rows()["student"]] == [longest.student]


@pytest.mark.parametrize(
    ("stale", "words"),
    [
        (GradedNotebook("one", "{}", "passed", "", 0.1, scores={"t1": 1.0, "t9": 1.0}), "t9"),
        (GradedNotebook("one", "{}", "passed", "", 0.1, kept=("t9",)), "t9"),
        (GradedNotebook("one", "{}", "passed", "", 0.1, comments={"q9": None}), "q9"),
        (GradedNotebook("three", "{}", "passed", "", 0.1), "three"),
        (GradedNotebook("one", "{}", "passed", "", 0.1, scores={"t1": float("nan")}), "nan"),
    ],
)
def test_a_result_of_another_version_of_the_assignment_is_refused(
    stale: GradedNotebook, words: str, sqlite_book: Book
) -> None:
    with sqlite_book.writer() as writer:
        writer.write([Paper("eve", full()).entry()])
        before = sqlite_book.rows()
        with pytest.raises(NotWritten, match=words) as caught:
            writer.write([Entry("eve", LATE, Graded((stale,)), ("one",)), Paper("ada", full()).entry()])
    assert "generate_assignment" in caught.value.hint
    after = sqlite_book.rows()
    assert [row for row in after["grade"] if row[0] == "eve"] == before["grade"]
    assert [row for row in after["submitted"] if row[0] == "eve"] == before["submitted"]
    assert [one.student for one in caught.value.written] == ["ada"]


class Failing(BasePlugin):
    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float:
        if student_id == "eve":
            raise ZeroDivisionError("by nobody")
        return float("nan") if student_id == "nan" else 1.0


def test_a_plugin_that_fails_is_the_instructors_fault_and_costs_nobody_points(book: Book) -> None:
    config = Config()
    config.AssignLatePenalties.plugin_class = f"{__name__}.Failing"
    with book.writer(config) as writer:
        with pytest.raises(NotWritten, match="ZeroDivisionError: by nobody") as caught:
            writer.write([Paper(student, full(), LATE).entry() for student in ("eve", "nan", "ada")])
        assert "plugin_class" in caught.value.hint
        assert [refusal.student for refusal in caught.value.refusals] == ["eve", "nan"]
        assert {student: one.score for student, one in writer.scores().items()} == {"ada": 4.8, "eve": 6.8, "nan": 6.8}
    assert _penalties(book, "eve") == [None, None]


@pytest.mark.parametrize(
    "name", ["no.such.Plugin", f"{__name__}.NoSuchPlugin", "fractions.Fraction", "no words at all"]
)
def test_a_plugin_that_is_none_is_said_before_anything_is_graded(name: str, sqlite_book: Book) -> None:
    config = Config()
    config.AssignLatePenalties.plugin_class = name
    with pytest.raises(TorchmagicError, match="plugin_class") as caught:
        sqlite_book.writer(config)
    assert "nbgrader_config.py" in caught.value.hint


def test_a_test_that_failed_by_itself_keeps_the_score_and_asks_for_a_look(book: Book) -> None:
    with book.writer() as writer:
        writer.write([Paper("ada", full()).entry()])
        entries = [with_kept(Paper(student, full()).entry(), "one", "t1") for student in ("ada", "new")]
        written = writer.write(entries)
        assert [(one.score, one.needs_manual_grade) for one in written] == [(6.8, True), (pytest.approx(4.8), True)]
        assert _grades(book, "ada", "one")["t1"] == (2.0, None, None, True)
        assert _grades(book, "new", "one")["t1"] == (None, None, None, True)
        assert _grades(book, "ada", "one")["t2"] == (0.7, None, None, False)
        assert [one.changed for one in writer.write(entries)] == [False, False]
        writer.write([Paper("ada", full()).entry()])
        assert _grades(book, "ada", "one")["t1"] == (2.0, None, None, False)


@pytest.mark.parametrize("graded", [(), (GradedNotebook("two", "", UNREADABLE, "not JSON", 0.0),)])
def test_what_is_there_and_was_not_graded_stays(graded: tuple[GradedNotebook, ...], book: Book) -> None:
    with book.writer(CONFIG) as writer:
        writer.write([Paper("late", full(), LATE).entry()])
        before = book.rows()
        one = Paper("late", full("one"), LATE).entry()
        (written,) = writer.write([Entry("late", LATE, Graded(one.graded.notebooks + graded), ("one", "two"))])
    assert not written.changed
    assert book.rows() == before


def test_notebooks_and_cells_that_came_later_get_rows_in_old_submissions(book: Book) -> None:
    with book.writer() as writer:
        writer.write([Paper("ada", full()).entry()])
        with book.gradebook() as gradebook:
            gradebook.add_notebook("three", ASSIGNMENT)
            gradebook.add_grade_cell("new", "three", ASSIGNMENT, max_score=3, cell_type="code")
            gradebook.add_solution_cell("answer", "three", ASSIGNMENT)
            gradebook.add_grade_cell("new", "two", ASSIGNMENT, max_score=3, cell_type="code")
        entry = Paper("ada", full()).entry()
        three = GradedNotebook(
            "three", "{}", "passed", "", 0.1, scores={"new": 3.0}, comments={"answer": "No response."}
        )
        graded = Graded((*entry.graded.notebooks, three))
        (written,) = writer.write([replace(entry, graded=graded, present=("one", "two", "three"))])
        assert (written.score, written.max_score, written.changed) == (9.8, 20.8, True)
        assert writer.grades()["ada"]["three", "new"] == 3.0
        assert writer.grades()["ada"]["two", "new"] is None
    with book.gradebook() as gradebook:
        found = gradebook.find_submission(ASSIGNMENT, "ada")
        assert [notebook.name for notebook in sorted(found.notebooks, key=lambda each: each.name)] == [
            "one",
            "three",
            "two",
        ]
        assert found.score == pytest.approx(9.8)
        assert gradebook.find_comment("answer", "three", ASSIGNMENT, "ada").auto_comment == "No response."


def test_a_large_batch_with_students_who_come_twice(book: Book) -> None:
    poor = {"one": {"t1": 0.0, "t2": 0.0}, "two": {"t": 0.0, "u": 0.0}}
    names = [f"s{number:03}" for number in range(230)]
    entries = [Paper(name, poor).entry() for name in names] + [Paper(name, full()).entry() for name in names[-20:]]
    with book.writer() as writer:
        written = writer.write(entries)
        assert [(one.student, one.score) for one in written] == [
            *((name, 0.0) for name in names),
            *((name, 6.8) for name in names[-20:]),
        ]
        assert sum(one.score > 0 for one in writer.scores().values()) == 20
        assert writer.write([]) == []
        assert list(writer.grades()) == names


def test_times_with_a_zone_are_stored_as_utc(book: Book) -> None:
    when = datetime(2026, 3, 1, 14, 0, 0, 5, tzinfo=timezone(timedelta(hours=1)))
    with book.writer() as writer:
        (written,) = writer.write([Paper("ada", full(), when).entry()])
        assert written.late_seconds == pytest.approx(3600.000005)
        assert not writer.write([Paper("ada", full(), when).entry()])[0].changed
    assert book.rows()["submitted"][0][1] == datetime(2026, 3, 1, 13, 0, 0, 5)


def test_an_assignment_that_nobody_generated(sqlite_book: Book) -> None:
    with pytest.raises(TorchmagicError, match="no assignment 'other'") as caught:
        type(sqlite_book.writer())(sqlite_book.db_url, COURSE, "other")
    assert "generate_assignment" in caught.value.hint


PAPERS = st.tuples(st.sampled_from(["late", "late zero", "by hand"]), st.sampled_from(sorted(HANDED_IN)), st.booleans())
NUMBERS = itertools.count()
BY_HAND = text(
    "UPDATE grade SET manual_score = 1.5, extra_credit = 0.5, needs_manual_grade = 0 WHERE cell_id IN "
    "(SELECT id FROM base_cell WHERE name IN ('t1', 'u')) AND notebook_id IN (SELECT submitted_notebook.id "
    "FROM submitted_notebook JOIN submitted_assignment ON submitted_assignment.id = submitted_notebook.assignment_id "
    "WHERE student_id = :student)"
)


@pytest.fixture(scope="module")
def shared(sqlite_made: Path) -> Iterator[tuple[Book, GradebookWriter]]:
    """One gradebook for all examples, each of which has students of its own; in memory where that can be: hundreds of
    transactions wait for the disk otherwise.
    """
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as name:
        folder = Path(name)
        shutil.copy(sqlite_made / "gradebook.db", folder)
        book = Book(folder, f"sqlite:///{folder}/gradebook.db")
        with book.writer(CONFIG) as writer:
            yield book, writer


@pytest.mark.slow
@given(st.lists(PAPERS, max_size=8), st.sets(st.integers(1, 7)), st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
def test_any_split_and_order_gives_the_rows_of_one_at_a_time(
    shared: tuple[Book, GradebookWriter], papers: list[tuple[str, str, bool]], cuts: set[int], random: Any
) -> None:
    """The order in which one student's work comes counts; that of different students does not."""
    rest = {name: [paper for paper in papers if paper[0] == name] for name, _, _ in papers}
    mixed = []
    while any(rest.values()):
        mixed.append(rest[random.choice([name for name, left in rest.items() if left])].pop(0))
    places = sorted({0, len(mixed), *(cut for cut in cuts if cut < len(mixed))})
    batches = [mixed[start:end] for start, end in itertools.pairwise(places)]
    assert _end(*shared, batches) == _end(*shared, [[paper] for paper in papers])


def _end(book: Book, writer: GradebookWriter, batches: list[list[tuple[str, str, bool]]]) -> Any:
    """The rows, and what the writer said last, of students who are new; the number that tells them apart is left out."""
    mark = f"{next(NUMBERS)} "

    def entry(student: str, kind: str, kept: bool) -> Entry:
        whole = Paper(mark + student, **{"scores": full(), **HANDED_IN[kind]}).entry()
        return with_kept(whole, "two", "t") if kept else whole

    if any(student == "by hand" for batch in batches for student, _, _ in batch):
        writer.write([entry("by hand", "right", False)])
        engine = create_engine(book.db_url)
        with engine.begin() as connection:
            connection.execute(BY_HAND, {"student": f"{mark}by hand"})
        engine.dispose()
    said = {}
    for batch in batches:
        for one in writer.write([entry(*paper) for paper in batch]):
            said[one.student.removeprefix(mark)] = replace(one, student="", changed=False)
    rows = [(table, row[0].removeprefix(mark), row[1:]) for table, rows in book.rows().items() for row in rows]
    ours = [row for row in rows if row[1] in said]
    held = {student.removeprefix(mark): one for student, one in writer.scores().items() if student.startswith(mark)}
    assert said == {student: replace(one, student="") for student, one in held.items()}
    return ours, said
