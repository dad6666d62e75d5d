"""The CSV and Parquet tables hold the rows, whatever students and graders write."""

from __future__ import annotations

import csv
import importlib
import io
import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbgrader.api import Gradebook
from nbgrader.plugins import CsvExportPlugin

from graders.nbgrader_plugin.exports.cells import guard, unguard
from graders.nbgrader_plugin.exports.parquet import ParquetExport, from_parquet, to_parquet
from graders.nbgrader_plugin.exports.rows import ExportRow, read_rows
from graders.nbgrader_plugin.exports.table_csv import TableExport, from_csv, to_csv
from torchmagic.errors import TorchmagicError

from .any_rows import any_rows, law, texts


@pytest.mark.slow
@law
@given(any_rows(assignments=2))
def test_csv_reads_back(rows: list[ExportRow]) -> None:
    assert from_csv(to_csv(rows, details=True)) == rows
    assert from_csv(to_csv(rows)) == [replace(row, questions=(), comments=()) for row in rows]


@law
@given(any_rows(assignments=2))
def test_parquet_reads_back(rows: list[ExportRow]) -> None:
    assert from_parquet(to_parquet(rows)) == rows


@pytest.mark.slow
def test_the_real_gradebook_reads_back(gradebook: Gradebook) -> None:
    rows = read_rows(gradebook)
    assert any(row.comments for row in rows)
    assert from_csv(to_csv(rows, details=True)) == from_parquet(to_parquet(rows)) == rows


@law
@given(any_rows())
def test_no_cell_of_the_csv_is_a_formula(rows: list[ExportRow]) -> None:
    for line in _lines(to_csv(rows, details=True)):
        for name, cell in line.items():
            if cell.lstrip()[:1] in set("=+-@") or cell[:1] in set("\t\r\n\0"):
                pytest.fail(f"{name}: {cell!r}")


@given(texts | st.from_regex(r"'*\s*[=+@\-']*.?", fullmatch=True))
def test_guarding_can_be_undone(text: str) -> None:
    assert unguard(guard(text)) == text


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\t1", "\r1", "\n1", " =1", "\u3000=1", "＝1", "\x001"])
def test_what_is_guarded(text: str) -> None:
    assert guard(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "a=1", "Ada", "'t Hooft", "1-1", "O'Neil", "a@b.org"])
def test_what_stays(text: str) -> None:
    assert guard(text) == text


def test_the_first_columns_are_nbgraders_own(gradebook: Gradebook, tmp_path: Any) -> None:
    """Compared with its own CSV, where that can be read: it quotes nothing."""
    theirs = CsvExportPlugin(to=str(tmp_path / "own.csv"), student=["ada", "zed"])
    theirs.export(gradebook)
    own = {(line["assignment"], line["student_id"]): line for line in _lines((tmp_path / "own.csv").read_bytes())}
    ours = _lines(to_csv(read_rows(gradebook, students=["ada", "zed"])))
    assert len(ours) == len(own) == 4
    columns = list(next(iter(own.values())))
    for line in ours:
        same = own[line["assignment"], line["student_id"]]
        assert list(line)[: len(columns)] == columns
        dates = ("duedate", "timestamp")
        assert {name: line[name] for name in columns if name not in dates} == {
            name: same[name] for name in columns if name not in dates
        }
        for name in dates:
            assert line[name].replace("T", " ").removesuffix("+00:00") == same[name]


def test_numbers_stay_numbers(gradebook: Gradebook) -> None:
    line = next(line for line in _lines(to_csv(read_rows(gradebook, ["ps1"]))) if line["student_id"] == "bob")
    assert (line["raw_score"], line["late_submission_penalty"], line["score"]) == ("3.25", "1.0", "2.25")
    assert (line["submitted"], line["late_seconds"]) == ("True", "3600.0")


def test_a_byte_order_mark_for_excel(gradebook: Gradebook) -> None:
    rows = read_rows(gradebook)
    with_mark, without = TableExport(bom=True).render(rows).content, TableExport().render(rows).content
    assert isinstance(with_mark, bytes)
    assert isinstance(without, bytes)
    assert with_mark == b"\xef\xbb\xbf" + without
    assert from_csv(with_mark) == from_csv(without)


def test_parquet_is_typed(gradebook: Gradebook) -> None:
    parquet = importlib.import_module("pyarrow.parquet")
    content = ParquetExport().render(read_rows(gradebook)).content
    assert isinstance(content, bytes)
    schema = parquet.read_schema(io.BytesIO(content))
    kinds = {name: str(schema.field(name).type) for name in schema.names}
    assert kinds["score"] == "double"
    assert kinds["submitted"] == "bool"
    assert kinds["due"] == kinds["timestamp"] == "timestamp[us, tz=UTC]"
    assert kinds["questions"].startswith("list<")


def test_without_pyarrow_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, gradebook: Gradebook) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # Python's own way to say that there is none
    with pytest.raises(TorchmagicError, match=r"pip install 'torchmagic\[parquet\]'"):
        ParquetExport().render(read_rows(gradebook))


def _lines(content: bytes) -> list[dict[str, str]]:
    found: Iterable[dict[str, str]] = csv.DictReader(io.StringIO(content.decode("utf-8"), newline=""))
    return list(found)
