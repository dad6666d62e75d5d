"""The simulated class: deterministic, in realistic proportions, each notebook its student's own."""

from __future__ import annotations

import ast
import hashlib
import json
import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbgrader.api import Gradebook

from graders.courses import clone_assignments
from graders.demo import compare, make_class
from graders.mutants import KINDS, build_submission, load_mutants
from graders.nbgrader_plugin.autograde import grade_assignment
from graders.nbgrader_plugin.course import GradebookEntry
from graders.nbgrader_plugin.said import log_to
from graders.simulation import COPIED, SHARES, Handin, apportion, cast, students
from graders.variation import disguise, own_words, vary
from torchmagic.errors import TorchmagicError


@dataclass(frozen=True)
class Fake:
    """As much of a mutant as a cast looks at."""

    name: str
    kind: str
    score: float = 0.0
    outcome: str = "failed"


SOME = [Fake(f"{kind}{i}", kind) for kind in KINDS for i in range(3)] + [Fake("endless", "broken", 0.0, "timeout")]
MUTANTS: Any = {"graph": SOME, "backward": SOME}
SOURCES = clone_assignments() / "source"


def _kinds(dealt: list[Handin], topic: str = "graph") -> Counter[str]:
    return Counter(h.mutant.kind for h in dealt if h.assignment == topic)


@given(st.integers(1, 200))
def test_ids_are_all_different_and_nbgrader_takes_them(count: int) -> None:
    ids = students(count)
    assert len(set(ids)) == count
    assert not [student for student in ids if set(student) & set("+*/ ")]


@given(st.integers(0, 50), st.integers(1, 60))
def test_the_same_seed_deals_the_same_in_whatever_order_the_mutants_come(seed: int, count: int) -> None:
    turned: Any = {topic: MUTANTS[topic][::-1] for topic in reversed(MUTANTS)}
    assert cast(students(count), MUTANTS, seed) == cast(students(count), turned, seed)
    assert cast(students(60), MUTANTS, seed) != cast(students(60), MUTANTS, seed + 1)


@given(st.integers(0, 50), st.integers(20, 60))
def test_a_class_of_twenty_has_every_kind_in_each_assignment(seed: int, count: int) -> None:
    dealt = cast(students(count), MUTANTS, seed)
    for topic in MUTANTS:
        assert set(_kinds(dealt, topic)) == set(KINDS)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 50))
def test_a_large_class_has_the_stated_proportions(seed: int) -> None:
    dealt = cast(students(1000), MUTANTS, seed)
    for topic in MUTANTS:
        kinds = _kinds(dealt, topic)
        for kind in KINDS:  # copies move a few between right and partial
            assert kinds[kind] / 1000 == pytest.approx(SHARES[kind], abs=COPIED)
        assert 1 <= sum(h.mutant.outcome == "timeout" for h in dealt if h.assignment == topic) <= 3
        common = Counter(h.mutant.name for h in dealt if h.assignment == topic and h.mutant.kind == "partial")
        assert max(common.values()) > 2 * min(common.values())
        copied = [h for h in dealt if h.assignment == topic and h.copied]
        assert len(copied) == 15
        assert {h.disguised for h in copied} == {True, False}


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 50))
def test_with_students_enough_every_mutant_is_handed_in(seed: int) -> None:
    dealt = cast(students(600), MUTANTS, seed)
    for topic, mutants in MUTANTS.items():
        assert {h.mutant.name for h in dealt if h.assignment == topic} == {m.name for m in mutants}


@given(st.lists(st.floats(0.001, 1.0), min_size=1, max_size=8), st.integers(0, 300), st.integers(0, 2))
def test_apportioned_numbers_add_up_and_are_fair(weights: list[float], count: int, least: int) -> None:
    parts = apportion(weights, count, least)
    assert sum(parts) == count
    assert min(parts) >= (least if count >= least * len(weights) else 0)
    if not least:
        whole = sum(weights)
        assert all(abs(n - count * w / whole) < 1 + 1e-6 for n, w in zip(parts, weights, strict=True))


def test_every_student_hands_in_every_assignment_once() -> None:
    dealt = cast(students(24), MUTANTS)
    assert len({(h.student, h.assignment) for h in dealt}) == len(dealt) == 48


def test_no_solutions_of_the_wanted_kinds_is_said(tmp_path: Path) -> None:
    with pytest.raises(TorchmagicError, match="gradient_descent"):
        make_class(tmp_path / "c", SOURCES, ["gradient_descent"], 3, kinds=("hostile",))
    with pytest.raises(TorchmagicError, match="backward_pass"):
        make_class(tmp_path / "c", SOURCES, ["backwards"], 3)
    assert not (tmp_path / "c").exists()


CODE = st.sampled_from(
    sorted(
        {source: None for path in SOURCES.parent.glob("mutants/*/*/*.py") if (source := path.read_text().rstrip("\n"))}
    )
)


def _normal(source: str) -> str:
    """What a program does, as text: comments and blank lines are gone."""
    return ast.dump(ast.parse(source))


@settings(deadline=None)
@given(CODE, st.integers(0, 1000))
def test_words_of_ones_own_change_no_statement(source: str, seed: int) -> None:
    varied = vary(source, random.Random(seed))
    try:
        before = _normal(source)
    except SyntaxError:
        assert varied == source
    else:
        assert _normal(varied) == before


@settings(deadline=None)
@given(CODE, st.integers(0, 1000))
def test_a_disguise_renames_and_no_more(source: str, seed: int) -> None:
    try:
        before = _normal(source)
    except SyntaxError:
        return
    assert _normal(disguise(source, random.Random(seed))).replace("'my_", "'") == before.replace("'my_", "'")


def test_what_is_renamed_is_local_and_seen_by_nobody() -> None:
    source = (
        "def f(x, y=1):\n    é = x; total = é + y\n    return total\n\ntotal = f(2)\n"
        "def g(x):\n    z = 1\n    return eval('z')\ndef h(x):\n    w = 1\n    return f'{w}'"
    )
    given_out: dict[str, Any] = {}
    hidden = disguise(source, random.Random(1))
    exec(hidden, given_out)
    assert "my_é = x; my_total = my_é + y" in hidden
    assert (given_out["total"], given_out["g"](0), given_out["h"](0)) == (3, 1, "1")


TOPICS = sorted(path.parent.name for path in SOURCES.glob("*/*.ipynb"))


@pytest.mark.parametrize("topic", TOPICS)
def test_what_a_mutant_is_about_stays_as_it_is(topic: str) -> None:
    """Nobody's own words touch what the instructor wrote, or what is no answer."""
    release = (SOURCES / topic / f"{topic}.ipynb").read_bytes()
    for mutant in load_mutants(SOURCES.parent / "mutants", topic):
        own = build_submission(release, mutant, own_words(Handin("ada", topic, mutant, "ada")))
        plain = build_submission(release, mutant)
        if mutant.truncate is not None or mutant.content is not None or plain is None or own is None:
            assert (own is None, len(own or b"")) == (plain is None, len(plain or b""))
            continue
        cells = [cell for cell in json.loads(own)["cells"] if cell["id"] != "own-notes"]
        assert own != plain
        for cell, before in zip(cells, json.loads(plain)["cells"], strict=True):
            answered = cell["metadata"].get("nbgrader", {}).get("grade_id") in mutant.answers
            if not (answered and cell["cell_type"] == "code" and mutant.kind in ("right", "partial")):
                assert cell == before, mutant.name


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.sandbox
def test_a_class_gets_the_expected_scores_and_every_notebook_is_its_own(tmp_path: Path) -> None:
    """Graded for real; an assignment without endless loops, for they are tried elsewhere."""
    topic = "selecting_data"
    with log_to(tmp_path / "log"):
        course, handins = make_class(tmp_path / "c", SOURCES, [topic], 60, 3)
        rows = grade_assignment(course.folder, topic, jobs=2)
    assert [str(mismatch) for mismatch in compare(handins, {topic: course.scores(topic)})] == []
    assert {row.student: row.outcome for row in rows} == {h.student: h.mutant.outcome for h in handins}
    files = (course.folder / "submitted" / h.student / topic / f"{topic}.ipynb" for h in handins)
    texts = Counter(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)
    assert sum(texts.values()) - len(texts) == sum(h.copied and not h.disguised for h in handins)
    assert sum(h.copied for h in handins) == 1
    with Gradebook(f"sqlite:///{course.gradebook}") as gradebook:
        late = {s.student.id: s.total_seconds_late for s in gradebook.assignment_submissions(topic)}
    for handin in handins:
        assert late[handin.student] == pytest.approx(max(0.0, handin.hours) * 3600, abs=1)
    inbound = sorted(course.folder.glob(f"exchange/c/inbound/*+{topic}+*"))
    assert len(inbound) == 60
    assert oct(inbound[0].stat().st_mode & 0o777) == "0o777"
    assert {path.name for path in inbound[0].iterdir()} >= {"timestamp.txt", "submission_secret.txt"}


def _entry(score: float) -> dict[str, dict[str, GradebookEntry]]:
    return {"graph": {"ada": GradebookEntry("ada", score, 5.0, False)}}


def test_scores_that_differ_are_named() -> None:
    handin: Any = Handin("ada", "graph", Fake("off-by-one", "partial", 2.0))  # type: ignore[arg-type]
    assert compare([handin], _entry(2.0)) == []
    assert [str(m) for m in compare([handin], _entry(2.5))] == ["ada's graph (off-by-one) got 2.5, expected 2"]
    assert [str(m) for m in compare([handin], {"graph": {}})] == ["ada's graph (off-by-one) got nothing, expected 2"]
    assert len(compare([handin], _entry(float("nan")))) == 1


def test_nothing_in_the_gradebook_is_right_where_nothing_is_expected() -> None:
    handin: Any = Handin("ada", "graph", Fake("no-notebook", "broken", 0.0))  # type: ignore[arg-type]
    assert compare([handin], {"graph": {}}) == []
