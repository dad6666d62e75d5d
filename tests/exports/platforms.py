"""How Canvas and Moodle read a file, by what they document and by the importers they publish: the tests' other side."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field

_NUMBER = re.compile(r"-?\d+(\.\d+)?")
#: Canvas: these words in a column's name make it one that Canvas computes.
_COMPUTED = [f"{a} {b}" for a in ("Current", "Final") for b in ("Score", "Points", "Grade")]
_COMPUTED += ["Override Score", "Override Grade", "Override Status"]


@dataclass
class CanvasImport:
    """What Canvas takes from a gradebook file.

    Attributes:
        points: the row "Points Possible", by assignment's column.
        assignments: (title, number or "") of each column.
        scores: by the student's identity (ID, SIS User ID, SIS Login ID), the cells by column.
        names: the students' names, by identity.
    """

    points: dict[str, str] = field(default_factory=dict)
    assignments: list[tuple[str, str]] = field(default_factory=list)
    scores: dict[tuple[str, str, str], dict[str, str]] = field(default_factory=dict)
    names: dict[tuple[str, str, str], str] = field(default_factory=dict)


def canvas_reads(content: bytes) -> CanvasImport:
    """Import a file as Canvas does; an assertion fails where Canvas would refuse or misread it."""
    assert not content.startswith(b"\xef\xbb\xbf")
    lines = list(csv.reader(io.StringIO(content.decode("utf-8"), newline=""), strict=True))
    header, *rows = lines
    assert header[:5] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    columns = header[5:]
    assert len(set(columns)) == len(columns), "Canvas finds a column by its name"
    assert not [name for name in columns if any(words in name for words in _COMPUTED)], "read-only columns"
    found = CanvasImport()
    for name in columns:
        match = re.fullmatch(r"(.*)\s\((\d+)\)", name)
        found.assignments.append((match[1], match[2]) if match else (name, ""))
    assert "Points Possible" in rows[0][0], "it comes before the students"
    for row in rows:
        assert len(row) == len(header)
        cells = dict(zip(columns, row[5:], strict=True))
        assert all(not cell or _NUMBER.fullmatch(cell) for cell in cells.values()), cells
        if "Points Possible" in row[0]:
            assert not found.points, "a student's line is taken for the points"
            found.points = cells
            continue
        identity = (row[1], row[2], row[3])
        assert any(identity), "a student whom Canvas cannot tell"
        assert not row[1] or row[1].isdigit(), "ID is Canvas's own number"
        assert identity not in found.scores
        assert row[0], "a name"
        found.scores[identity], found.names[identity] = cells, row[0]
    return found


def php_reads(text: str, delimiter: str = ",") -> list[list[str]]:
    """CSV as PHP's fgetcsv reads it, and Moodle with it: a backslash keeps the quote behind it from closing the cell."""
    lines: list[list[str]] = [[]]
    place = 0
    while place < len(text):
        cell, place = _php_cell(text, place, delimiter)
        lines[-1].append(cell)
        if place < len(text) and text[place] == delimiter:
            place += 1
            continue
        place += 2 if text.startswith("\r\n", place) else 1
        lines.append([])
    return [line for line in lines if line]


def _php_cell(text: str, place: int, delimiter: str) -> tuple[str, int]:
    if text[place : place + 1] != '"':
        end = place
        while end < len(text) and text[end] != delimiter and text[end] not in "\r\n":
            end += 1
        return text[place:end], end
    cell, place = "", place + 1
    while place < len(text):
        if text[place] == "\\" and place + 1 < len(text):
            cell += text[place : place + 2]
            place += 2
        elif text.startswith('""', place):
            cell += '"'
            place += 2
        elif text[place] == '"':
            return cell, place + 1
        else:
            cell += text[place]
            place += 1
    raise AssertionError("a cell that never ends")


def moodle_reads(
    content: bytes, delimiter: str = ",", decimal: str = "."
) -> tuple[list[str], dict[str, dict[str, str]]]:
    """The columns of a gradebook file, and by user its other cells, as Moodle's import takes them."""
    header, *rows = php_reads(content.decode("utf-8"), delimiter)
    assert header[0] in ("Email address", "ID number", "Username")
    users: dict[str, dict[str, str]] = {}
    for row in rows:
        assert len(row) == len(header), row
        user = row[0].strip()
        assert user, "Moodle gives these grades to the student of the line before"
        assert user not in users
        users[user] = dict(zip(header[1:], row[1:], strict=True))
        for name, cell in users[user].items():
            if name not in ("First name", "Last name") and not name.endswith("(Feedback)"):
                assert not cell or _NUMBER.fullmatch(cell.replace(decimal, ".")), (name, cell)
    return header, users
