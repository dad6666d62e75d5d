"""The simulated class: deterministic, varied, complete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from graders.demo import compare
from graders.nbgrader_plugin.course import GradebookEntry
from graders.simulation import Handin, cast, students


@dataclass(frozen=True)
class Fake:
    """As much of a mutant as a cast looks at."""

    name: str
    kind: str
    score: float = 0.0


KINDS = ("right", "partly", "blank", "broken", "hostile")
SOME = [Fake(f"{kind}{i}", kind) for kind in KINDS for i in range(3)]
MUTANTS: Any = {"graph": SOME, "backward": SOME}


@given(st.integers(1, 200))
def test_ids_are_all_different_and_nbgrader_takes_them(count: int) -> None:
    ids = students(count)
    assert len(set(ids)) == count
    assert not [student for student in ids if set(student) & set("+*/ ")]


@given(st.integers(0, 50), st.integers(1, 60))
def test_the_same_seed_deals_the_same(seed: int, count: int) -> None:
    assert cast(students(count), MUTANTS, seed) == cast(students(count), MUTANTS, seed)


@given(st.integers(0, 50))
def test_a_class_of_five_has_every_kind_in_each_assignment(seed: int) -> None:
    dealt = cast(students(5), MUTANTS, seed)
    for topic in MUTANTS:
        assert {h.mutant.kind for h in dealt if h.assignment == topic} == set(KINDS)


@given(st.integers(0, 50))
def test_with_students_enough_every_mutant_is_handed_in(seed: int) -> None:
    dealt = cast(students(15), MUTANTS, seed)
    for topic, mutants in MUTANTS.items():
        assert {h.mutant.name for h in dealt if h.assignment == topic} == {m.name for m in mutants}


def test_every_student_hands_in_every_assignment_once() -> None:
    dealt = cast(students(24), MUTANTS)
    assert len({(h.student, h.assignment) for h in dealt}) == len(dealt) == 48


def _entry(score: float) -> dict[str, dict[str, GradebookEntry]]:
    return {"graph": {"ada": GradebookEntry("ada", score, 5.0, False)}}


def test_scores_that_differ_are_named() -> None:
    handin: Any = Handin("ada", "graph", Fake("off-by-one", "partly", 2.0))  # type: ignore[arg-type]
    assert compare([handin], _entry(2.0)) == []
    assert [str(m) for m in compare([handin], _entry(2.5))] == ["ada's graph (off-by-one) got 2.5, expected 2"]
    assert [str(m) for m in compare([handin], {"graph": {}})] == ["ada's graph (off-by-one) got nothing, expected 2"]
    assert len(compare([handin], _entry(float("nan")))) == 1


def test_nothing_in_the_gradebook_is_right_where_nothing_is_expected() -> None:
    handin: Any = Handin("ada", "graph", Fake("no-notebook", "broken", 0.0))  # type: ignore[arg-type]
    assert compare([handin], {"graph": {}}) == []
