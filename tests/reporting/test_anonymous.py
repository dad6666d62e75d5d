"""What is shown of an answer does not tell whose it is."""

from __future__ import annotations

import random
import re

from hypothesis import given
from hypothesis import strategies as st

from graders.reporting.anonymous import MASK, Masker, numbered
from graders.reporting.facts import gather

from .classes import WRONG_DIM, class_of, student

ids = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=2, max_size=8).filter(
    lambda one: one.lower() not in MASK
)


@given(st.lists(ids, min_size=1, max_size=6, unique_by=str.lower), st.text(max_size=40))
def test_no_id_stands_in_a_masked_text_as_a_word(names: list[str], text: str) -> None:
    masked = Masker(tuple(names)).text(f"{text} {' '.join(names)}, {names[0]}: {names[-1]}'s")
    for name in names:
        assert not re.search(rf"(?<![A-Za-z0-9-]){re.escape(name)}(?![A-Za-z0-9-])", masked, re.IGNORECASE)


@given(st.text(max_size=80))
def test_any_text_can_be_masked_though_it_is_no_program(text: str) -> None:
    assert (
        "#"
        not in Masker(("ada",))
        .code("x = 1  # " + text.replace("\n", " ").replace("\r", " ").split("'")[0])
        .split("\n")[0]
    )
    Masker(("ada",)).code(text, "ada")


def test_a_masked_program_runs_as_before() -> None:
    source = 'def f(x):\n    """By Ada."""\n    # hers\n    return {"a": x, "#": 2}  # no comment\n'
    before: dict[str, object] = {}
    after: dict[str, object] = {}
    exec(source, before)
    exec(Masker(("ada",)).code(source, "ada"), after)
    assert before["f"](1) == after["f"](1) == {"a": 1, "#": 2}  # type: ignore[operator]


def test_numbers_are_dealt_by_chance_and_keep_everything_else() -> None:
    made = class_of(*(student(f"s{n}", score=float(n)) for n in range(20)))
    one, other = (numbered(made, random.Random(seed)) for seed in (1, 2))
    assert {student.student for student in one.students} == {f"student {n:02d}" for n in range(1, 21)}
    assert sorted(student.score or 0 for student in one.students) == [float(n) for n in range(20)]
    assert [student.score for student in one.students] != [student.score for student in other.students]


def test_an_anonymous_report_names_nobody() -> None:
    who = [student(f"zoe{n}", WRONG_DIM, message=f"submitted/zoe{n}/hw is odd", late_penalty=1.0) for n in range(4)]
    facts = gather(class_of(*who), anonymous=True, chance=random.Random(0))
    assert "zoe" not in str(facts).replace("GradedNotebook", "")
