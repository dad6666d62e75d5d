"""Moodle takes the gradebook file and the grading worksheet."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from nbgrader.api import Gradebook

from graders.nbgrader_plugin.exports.moodle import MoodleExport
from graders.nbgrader_plugin.exports.moodle_worksheet import MoodleWorksheetExport
from graders.nbgrader_plugin.exports.rows import ExportRow, read_rows
from torchmagic.errors import TorchmagicError

from .any_rows import any_rows, law
from .platforms import moodle_reads, php_reads


def exported(rows: Sequence[ExportRow], **options: object) -> bytes:
    content = MoodleExport(**options).render(rows).content
    assert isinstance(content, bytes)
    return content


def worksheet(rows: Sequence[ExportRow], **options: object) -> list[list[str]]:
    content = MoodleWorksheetExport(**options).render(rows).content
    assert isinstance(content, bytes)
    return php_reads(content.decode())


def test_moodle_takes_the_whole_class(gradebook: Gradebook) -> None:
    header, users = moodle_reads(exported(read_rows(gradebook)))
    assert header == ["Email address", "First name", "Last name", "ps1", "ps10"]
    grades = {user: (cells["ps1"], cells["ps10"]) for user, cells in users.items()}
    assert grades == {
        "ada@example.org": ("12", "10"),
        "bob@example.org": ("2.25", ""),
        "eve@example.org": ("6", ""),
        "zoe@example.org": ("0", ""),
        "zed@example.org": ("", "0.33333"),
    }
    assert users["eve@example.org"]["First name"].startswith("'=cmd")
    assert users["bob@example.org"]["First name"] == 'Bob "the, builder"'


@pytest.mark.parametrize(
    ("identifier", "known"), [("Username", "nobody"), ("ID number", "nobody"), ("Email address", None)]
)
def test_whom_moodle_cannot_tell_has_no_line(gradebook: Gradebook, identifier: str, known: str | None) -> None:
    rendered = MoodleExport(identifier=identifier).render(read_rows(gradebook))
    assert isinstance(rendered.content, bytes)
    header, users = moodle_reads(rendered.content)
    assert header[0] == identifier
    assert ("nobody" in users) == (known is not None)
    assert rendered.left_out == (() if known else ("nobody",))
    assert ("101" in users) == (identifier == "ID number")


def test_an_email_that_two_students_have(gradebook: Gradebook) -> None:
    rows = [dataclasses.replace(row, email="x@y.org") for row in read_rows(gradebook, ["ps1"])]
    with pytest.raises(TorchmagicError, match=r"have the same email in the gradebook: 'x@y.org'"):
        MoodleExport().render(rows)


def test_feedback_stands_beside_its_grade(gradebook: Gradebook) -> None:
    header, users = moodle_reads(exported(read_rows(gradebook, ["ps1"]), feedback=True))
    assert header[3:] == ["ps1", "ps1 (Feedback)"]
    assert users["ada@example.org"]["ps1 (Feedback)"] == 'f: Good: `x &lt; y`, "really"<br>see \\ "'
    assert users["bob@example.org"]["ps1 (Feedback)"] == "words: =1+1"
    assert users["zed@example.org"]["ps1 (Feedback)"] == ""


@pytest.mark.parametrize(("name", "delimiter"), [("comma", ","), ("semicolon", ";"), ("colon", ":"), ("tab", "\t")])
def test_delimiters_and_decimal_commas(gradebook: Gradebook, name: str, delimiter: str) -> None:
    content = exported(read_rows(gradebook), delimiter=name, decimal=",", feedback=True)
    _, users = moodle_reads(content, delimiter, ",")
    assert users["bob@example.org"]["ps1"] == "2,25"


def test_columns_have_moodles_names(gradebook: Gradebook) -> None:
    rows = read_rows(gradebook)
    header, _ = moodle_reads(exported(rows, assignments={"ps1": "Assignment: Squares (Real)"}))
    assert header[3:] == ["Assignment: Squares (Real)", "ps10"]
    with pytest.raises(TorchmagicError, match="the same column"):
        MoodleExport(assignments={"ps1": "ps10"}).render(rows)


def test_a_grade_above_the_maximum_is_told(gradebook: Gradebook) -> None:
    notes = MoodleExport().render(read_rows(gradebook)).notes
    assert any("1 score is above the maximum" in note and "unlimitedgrades" in note for note in notes)


@pytest.mark.slow
@law
@given(any_rows(assignments=2))
def test_moodle_takes_whatever_students_and_graders_write(rows: list[ExportRow]) -> None:
    _, users = moodle_reads(exported(rows, feedback=True))
    assert list(users) == list(dict.fromkeys(row.email for row in rows))
    for cells in users.values():
        assert not [text for text in cells.values() if text.lstrip()[:1] in set("=+-@")]


def test_the_worksheet_has_moodles_columns(gradebook: Gradebook) -> None:
    header, *lines = worksheet(read_rows(gradebook, ["ps1"]))
    assert header == [
        "Identifier",
        "Full name",
        "Email address",
        "Status",
        "Grade",
        "Maximum Grade",
        "Grade can be changed",
        "Last modified (submission)",
        "Last modified (grade)",
        "Feedback comments",
    ]
    bob = next(line for line in lines if line[0] == "Participant 102")
    assert bob[2:] == [
        "bob@example.org",
        "Submitted for grading",
        "2.25",
        "10",
        "Yes",
        "Sunday, 1 March 2026, 01:00 PM",
        "-",
        "words: =1+1",
    ]
    zed = next(line for line in lines if line[0] == "Participant 106")
    assert (zed[3], zed[4], zed[7]) == ("No submission", "", "-")
    assert "Feedback comments" not in worksheet(read_rows(gradebook, ["ps1"]), feedback=False)[0]


def test_a_worksheet_is_of_one_assignment(gradebook: Gradebook) -> None:
    with pytest.raises(TorchmagicError, match=r"these are 2: ps1, ps10"):
        worksheet(read_rows(gradebook))


DOWNLOADED = """\ufeffIdentifier,"Full name","Email address",Status,Grade,"Maximum Grade","Grade can be changed",\
"Last modified (submission)","Last modified (grade)","Feedback comments"
"Participant 102","Ada L.",ada@example.org,"Submitted for grading - ",,10.00,Yes,"Sunday, 1 March 2026, 10:00 AM",-,
"Participant 9","Bob B.",BOB@example.org,"Submitted for grading - ",5.00,10.00,Yes,-,"Monday, 2 March 2026, 9:00 AM","as it was"
"Participant 8","Zed P.",zed@example.org,"No submission",7.00,10.00,Yes,-,-,"by hand"
"Participant 7","A guest",guest@example.org,"No submission",1.00,10.00,Yes,-,-,"<p>""hi""</p>"
"""


def test_a_downloaded_worksheet_is_filled_in_and_all_else_stays(gradebook: Gradebook, tmp_path: Path) -> None:
    path = tmp_path / "Grades.csv"
    path.write_text(DOWNLOADED, encoding="utf-8")
    rendered = MoodleWorksheetExport(worksheet=str(path)).render(read_rows(gradebook, ["ps1"]))
    assert isinstance(rendered.content, bytes)
    before = list(csv.reader(io.StringIO(DOWNLOADED.removeprefix("\ufeff"))))
    after = php_reads(rendered.content.decode())
    assert after[1][4] == "12", "by email: the gradebook's lms_user_id 102, which is bob's, may be another number"
    assert after[2][4] == "2.25", "whatever its case"
    assert after[1][9].startswith("f: Good")
    assert after[2][9] == "words: =1+1"
    assert after[3] == before[3], "who submitted nothing keeps what Moodle has"
    assert after[4] == before[4]
    kept = [index for index in range(10) if index not in (4, 9)]
    assert [[line[index] for index in kept] for line in after] == [[line[index] for index in kept] for line in before]
    assert rendered.left_out == ("eve", "naïve-ü")
    assert "eve, naïve-ü" in rendered.notes[0]


def test_an_anonymous_worksheet_goes_by_the_participants_number(gradebook: Gradebook, tmp_path: Path) -> None:
    path = tmp_path / "Grades.csv"
    path.write_text("Identifier,Grade\nParticipant 101,\nParticipant 999,\n")
    rendered = MoodleWorksheetExport(worksheet=str(path)).render(read_rows(gradebook, ["ps1"]))
    assert rendered.content == b"Identifier,Grade\r\nParticipant 101,12\r\nParticipant 999,\r\n"
    assert rendered.left_out == ("eve", "naïve-ü", "bob")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "no column 'Identifier'"),
        (b"Name,Grade\na,1\n", "no column 'Identifier'"),
        (b"Identifier,Grade\nParticipant 1\n", "line 2"),
        (b"\xff\xfe\x00", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_what_is_no_worksheet(gradebook: Gradebook, tmp_path: Path, content: bytes | None, what: str) -> None:
    path = tmp_path / "Grades.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TorchmagicError, match=what):
        MoodleWorksheetExport(worksheet=str(path)).render(read_rows(gradebook, ["ps1"]))


def test_the_reader_of_these_tests_stumbles_over_backslashes() -> None:
    """As PHP's does: without this the law above would hold for anything."""
    text = 'a\\"b'
    line = io.StringIO()
    csv.writer(line).writerow([text, "2"])
    with pytest.raises(AssertionError):
        assert php_reads(line.getvalue()) == [[text, "2"]]
