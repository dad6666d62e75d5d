"""The rows as a Parquet file, with each question's scores and the comments nested in them."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from graders.nbgrader_plugin.exports.plugin import Rendered, RowsExport
from graders.nbgrader_plugin.exports.rows import ExportRow, Question, Remark
from torchmagic.errors import TorchmagicError

_TEXTS = ("student_id", "first_name", "last_name", "email", "lms_user_id", "assignment")
_NUMBERS = ("late_seconds", "raw_score", "late_penalty", "score", "max_score")


class ParquetExport(RowsExport):
    """Writes a Parquet file, one row for each assignment and student; needs the extra ``torchmagic[parquet]``."""

    default_name = "grades.parquet"

    def render(self, rows: Sequence[ExportRow]) -> Rendered:
        """The Parquet file."""
        return Rendered(to_parquet(rows), len({row.student_id for row in rows}))


def to_parquet(rows: Sequence[ExportRow]) -> bytes:
    """Rows as Parquet; the columns are the fields of :class:`ExportRow`, moments in UTC.

    Raises:
        TorchmagicError: pyarrow is not installed.
    """
    arrow, parquet = _pyarrow()
    table = arrow.Table.from_pylist([_plain(row) for row in rows], schema=_schema(arrow))
    buffer = arrow.BufferOutputStream()
    parquet.write_table(table, buffer)
    return bytes(buffer.getvalue())


def from_parquet(content: bytes) -> list[ExportRow]:
    """The rows that :func:`to_parquet` was given.

    Raises:
        TorchmagicError: pyarrow is not installed.
    """
    arrow, parquet = _pyarrow()
    return [_row(entry) for entry in parquet.read_table(arrow.BufferReader(content)).to_pylist()]


def _pyarrow() -> tuple[Any, Any]:
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise TorchmagicError(
            f"Parquet needs pyarrow, which this installation lacks ({error}).",
            hint="Install it: pip install 'torchmagic[parquet]'",
        ) from error


def _schema(arrow: Any) -> Any:
    text, real, flag, moment = arrow.string(), arrow.float64(), arrow.bool_(), arrow.timestamp("us", tz="UTC")
    question = {
        **dict.fromkeys(("notebook", "name", "cell_type", "comment"), text),
        **dict.fromkeys(("max_score", "auto_score", "manual_score", "extra_credit", "score"), real),
        "needs_manual_grade": flag,
    }
    remark = dict.fromkeys(("notebook", "cell", "text"), text)
    kinds = {
        **dict.fromkeys(_TEXTS, text),
        **dict.fromkeys(_NUMBERS, real),
        **dict.fromkeys(("due", "timestamp"), moment),
        **dict.fromkeys(("needs_manual_grade", "submitted"), flag),
        "questions": arrow.list_(arrow.struct(list(question.items()))),
        "comments": arrow.list_(arrow.struct(list(remark.items()))),
    }
    return arrow.schema([(name, kinds[name]) for name in (field.name for field in fields(ExportRow))])


def _plain(row: ExportRow) -> dict[str, Any]:
    return _storable(asdict(row))  # type: ignore[no-any-return]


def _storable(value: Any) -> Any:
    """A value without what UTF-8 cannot write (lone surrogates)."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {name: _storable(part) for name, part in value.items()}
    return [_storable(part) for part in value] if isinstance(value, list | tuple) else value


def _row(entry: dict[str, Any]) -> ExportRow:
    questions = tuple(Question(**question) for question in entry["questions"])
    comments = tuple(Remark(**remark) for remark in entry["comments"])
    return ExportRow(**{**entry, "questions": questions, "comments": comments})
