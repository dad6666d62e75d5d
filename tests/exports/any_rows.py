"""Any rows that a gradebook might hold."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from graders.nbgrader_plugin.exports.rows import ExportRow, Question, Remark

#: For what holds of any rows; none is held to a time.
law = settings(deadline=None, max_examples=40)

_START = datetime(2000, 1, 1, tzinfo=timezone.utc)
#: Texts as students and graders write them, and worse.
texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
    st.sampled_from(
        ["", "=1+1", "'=1", "''@x", "'t Hooft", "-", "\t=", '"', 'a\\"b', "a,b;c", "\r\n", "Points Possible"]
    ),
)
points = st.floats(0, 1e6, allow_nan=False).map(float)
maybe_points = st.none() | points
moments = st.none() | st.integers(0, 10**15).map(lambda n: _START + timedelta(microseconds=n))
questions = st.builds(
    Question,
    notebook=texts,
    name=texts,
    cell_type=st.sampled_from(["code", "markdown"]),
    max_score=points,
    auto_score=maybe_points,
    manual_score=maybe_points,
    extra_credit=maybe_points,
    score=points,
    needs_manual_grade=st.booleans(),
    comment=texts,
)
remarks = st.builds(Remark, notebook=texts, cell=texts, text=texts)


@st.composite
def any_rows(draw: Any, assignments: int = 1) -> list[ExportRow]:
    """Rows of a few students, each with an id of its own."""
    ids = draw(st.lists(texts.filter(lambda text: text.strip()), unique_by=lambda text: text.strip(), max_size=4))
    return [
        ExportRow(
            student_id=student,
            first_name=draw(texts),
            last_name=draw(texts),
            email=f"{number}@example.org",
            lms_user_id=str(number),
            assignment=f"ps{assignment}",
            due=draw(moments),
            timestamp=draw(moments),
            late_seconds=draw(points),
            raw_score=draw(points),
            late_penalty=draw(points),
            score=draw(points),
            max_score=draw(points),
            needs_manual_grade=draw(st.booleans()),
            submitted=draw(st.booleans()),
            questions=tuple(draw(st.lists(questions, max_size=2))),
            comments=tuple(draw(st.lists(remarks, max_size=2))),
        )
        for assignment in range(assignments)
        for number, student in enumerate(ids)
    ]
