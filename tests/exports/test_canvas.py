"""Canvas takes the file, for the right students and assignments."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbgrader.api import Gradebook
from traitlets import TraitError

from graders.nbgrader_plugin.exports.canvas import CanvasExport
from graders.nbgrader_plugin.exports.rows import ExportRow, read_rows
from torchmagic.errors import TorchmagicError

from .any_rows import any_rows, law
from .platforms import canvas_reads


def exported(rows: Sequence[ExportRow], **options: object) -> bytes:
    content = CanvasExport(**options).render(rows).content
    assert isinstance(content, bytes)
    return content


def test_canvas_takes_the_whole_class(gradebook: Gradebook) -> None:
    rows = read_rows(gradebook)
    found = canvas_reads(exported(rows))
    assert found.assignments == [("ps1", ""), ("ps10", "")]
    assert found.points == {"ps1": "10", "ps10": "10"}
    assert found.scores == {
        ("", "ada", ""): {"ps1": "12", "ps10": "10"},
        ("", "bob", ""): {"ps1": "2.25", "ps10": ""},
        ("", "eve", ""): {"ps1": "6", "ps10": ""},
        ("", "naïve-ü", ""): {"ps1": "0", "ps10": ""},
        ("", "nobody", ""): {"ps1": "", "ps10": ""},
        ("", "zed", ""): {"ps1": "", "ps10": "0.33333"},
    }
    assert found.names["", "ada", ""] == "Lovelace, Ada"
    assert found.names["", "bob", ""] == 'O\'Neil; Jr, Bob "the, builder"'
    assert found.names["", "naïve-ü", ""] == "Müller Øst 李, Zoë"


def test_a_name_cannot_pose_as_the_points(gradebook: Gradebook) -> None:
    assert canvas_reads(exported(read_rows(gradebook))).names["", "zed", ""] == "zed"


def test_a_name_is_no_formula_and_an_identifier_stays_exact(gradebook: Gradebook) -> None:
    eve = [dataclasses.replace(row, student_id="-eve=1") for row in read_rows(gradebook, students=["eve"])]
    lines = list(csv.reader(io.StringIO(exported(eve).decode(), newline="")))
    assert lines[2][0] == "'+1+1, =cmd|'/C calc'!A0"
    assert lines[2][2] == "-eve=1"


@pytest.mark.parametrize(
    ("identifier", "place", "value"), [("ID", 0, "101"), ("SIS User ID", 1, "ada"), ("SIS Login ID", 2, "ada")]
)
def test_the_identifier_goes_into_its_column(gradebook: Gradebook, identifier: str, place: int, value: str) -> None:
    found = canvas_reads(exported(read_rows(gradebook, students=["ada"]), identifier=identifier))
    (identity,) = found.scores
    assert identity[place] == value
    assert "".join(identity) == value


def test_whom_canvas_cannot_tell_is_left_out_by_name(gradebook: Gradebook) -> None:
    rendered = CanvasExport(identifier="ID").render(read_rows(gradebook))
    assert rendered.left_out == ("nobody",)
    assert rendered.students == 5
    assert "nobody" in rendered.notes[0]
    assert "lms_user_id" in rendered.notes[0]


def test_two_students_with_the_same_number(gradebook: Gradebook) -> None:
    rows = [dataclasses.replace(row, lms_user_id="7") for row in read_rows(gradebook, students=["ada", "bob"])]
    with pytest.raises(TorchmagicError, match=r"ada, bob have the same lms_user_id.*'7'"):
        CanvasExport(identifier="ID").render(rows)


def test_a_number_of_canvas_that_is_none(gradebook: Gradebook) -> None:
    rows = [dataclasses.replace(row, lms_user_id="12abc") for row in read_rows(gradebook, students=["ada"])]
    with pytest.raises(TorchmagicError, match=r"a number, and the lms_user_id of student 'ada' is '12abc'"):
        CanvasExport(identifier="ID").render(rows)


def test_assignments_by_their_number_or_name(gradebook: Gradebook) -> None:
    found = canvas_reads(exported(read_rows(gradebook), assignments={"ps1": "4711", "ps10": "Homework, 10 (12)"}))
    assert found.assignments == [("ps1", "4711"), ("Homework, 10", "12")]
    assert found.points == {"ps1 (4711)": "10", "Homework, 10 (12)": "10"}


@pytest.mark.parametrize("name", ["My Final Grade", "ps (12)", "Current Scores"])
def test_a_name_that_canvas_takes_for_something_else(gradebook: Gradebook, name: str) -> None:
    rows = [dataclasses.replace(row, assignment=name) for row in read_rows(gradebook, ["ps1"])]
    with pytest.raises(TorchmagicError, match="Canvas takes") as caught:
        CanvasExport().render(rows)
    assert repr(name) in caught.value.hint
    if "(" in name:
        assert canvas_reads(exported(rows, assignments={name: "5"})).assignments == [(name, "5")]


def test_two_assignments_in_one_column(gradebook: Gradebook) -> None:
    with pytest.raises(TorchmagicError, match="cannot tell 'ps10' from 'ps1'"):
        CanvasExport(assignments={"ps1": "hw", "ps10": "hw"}).render(read_rows(gradebook))


def test_missing_work_is_blank_zero_or_left_out(gradebook: Gradebook) -> None:
    rows = read_rows(gradebook, ["ps1"])
    assert canvas_reads(exported(rows, missing="zero")).scores["", "zed", ""] == {"ps1": "0"}
    left = canvas_reads(exported(rows, missing="omit")).scores
    assert {identity[1] for identity in left} == {"ada", "bob", "eve", "naïve-ü"}
    both = canvas_reads(exported(read_rows(gradebook), missing="omit")).scores
    assert both["", "zed", ""] == {"ps1": "", "ps10": "0.33333"}, "who has any score stays"
    with pytest.raises(TraitError):
        CanvasExport(missing="nought")


def test_what_waits_for_grading_can_stay_blank(gradebook: Gradebook) -> None:
    rows = read_rows(gradebook, ["ps1"])
    now, later = CanvasExport().render(rows), CanvasExport(blank_until_graded=True).render(rows)
    assert "1 score lacks parts that wait for grading by hand" in now.notes[0]
    assert isinstance(later.content, bytes)
    assert canvas_reads(later.content).scores["", "eve", ""] == {"ps1": ""}
    assert "Each of 3 scores is blank" in later.notes[0]
    assert "removes it" in later.notes[0]


def test_the_section(gradebook: Gradebook) -> None:
    text = exported(read_rows(gradebook, ["ps1"], ["ada"]), section="Section, 1").decode()
    assert text.splitlines()[2] == '"Lovelace, Ada",,ada,,"Section, 1",12'


@law
@given(any_rows())
def test_canvas_takes_whatever_students_are_called(rows: list[ExportRow]) -> None:
    found = canvas_reads(exported(rows))
    assert {identity[1] for identity in found.scores} == {row.student_id.strip() for row in rows}
    assert not [name for name in found.names.values() if name.lstrip()[:1] in set("=+-@")]


@given(st.floats(-1e6, 1e6))
def test_scores_are_plain_decimals(score: float) -> None:
    from graders.nbgrader_plugin.exports.cells import number

    assert abs(float(number(score)) - score) <= 5.1e-6
    assert set(number(score)) <= set("-0123456789.")
