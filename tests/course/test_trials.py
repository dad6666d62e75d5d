"""The tests of each assignment, tried: the same scores with other seeds, and small mistakes in the solutions are caught."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from graders.engine.hidden import hidden_lines
from graders.mutants import Mutant, load_mutants

from .ast_mutants import ast_mutants
from .courseware import MUTANTS, SOURCES, TOPICS, full_marks, released
from .mutation import FLOOR, equivalents, run_mutation
from .trials import TrialCell, Variant, read_trial, reseeded, run_trials

_SEEDS = 50
#: Of these, with how many other solutions are tried, right and wrong ones; TORCHMAGIC_SEEDS=50 tries all with all.
_RIGHT = int(os.environ.get("TORCHMAGIC_SEEDS", "8"))
_WRONG = int(os.environ.get("TORCHMAGIC_SEEDS", "2"))


def _variant(mutant: Mutant, cells: list[TrialCell], given: dict[str, str]) -> Variant:
    """A known solution's cells; those that it does not answer are as released."""
    changes = {i: mutant.answers.get(c.name, given[c.name]) for i, c in enumerate(cells) if c.solution}
    return Variant(mutant.name, {0: mutant.first, **changes})


def _runs_here(mutant: Mutant) -> bool:
    """Whether it is an honest notebook whose cells end and can be run as they are."""
    return mutant.kind in ("right", "partial", "blank") and not (mutant.delete or mutant.content or mutant.truncate)


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.timeout(900)
@pytest.mark.parametrize("topic", TOPICS)
def test_the_same_scores_with_other_seeds(topic: str, tmp_path: Path) -> None:
    cells = read_trial(SOURCES / topic / f"{topic}.ipynb")
    assert reseeded(cells, 1), "no hidden test draws its inputs from a `seed = N`"
    given = released(topic)
    variants = {f"the source, seed {n}": Variant(f"the source, seed {n}", reseeded(cells, n)) for n in range(_SEEDS)}
    expected = dict.fromkeys(variants, full_marks(topic))
    for mutant in load_mutants(MUTANTS, topic):
        if not _runs_here(mutant):
            continue
        for n in range(_RIGHT if mutant.kind == "right" else _WRONG):
            name = f"{mutant.name}, seed {n}"
            changes = {**_variant(mutant, cells, given).changes, **reseeded(cells, n)}
            variants[name] = Variant(name, changes)
            expected[name] = mutant.score
    scores = run_trials(cells, variants.values(), cwd=tmp_path)
    got = {name: sum(points.values()) for name, points in scores.items()}
    other = {name: (got[name], expected[name]) for name in expected if abs(got[name] - expected[name]) > 1e-6}
    assert not other, f"(got, expected): {other}"


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.timeout(900)
@pytest.mark.parametrize("topic", TOPICS)
def test_small_mistakes_in_the_solutions_are_caught(topic: str) -> None:
    caught = run_mutation(topic)
    assert caught.total >= 40, f"{caught.total} generated mutants"
    assert caught.rate >= FLOOR, str(caught)
    assert caught.unexplained == [], "mend the tests, or say in equivalent.json why it is no mistake"
    assert caught.stale == [], "these are caught now, or not made any more"


@pytest.mark.parametrize("topic", TOPICS)
def test_each_equivalent_has_a_reason(topic: str) -> None:
    assert all(len(reason) > 20 for reason in equivalents(topic).values())


@pytest.mark.parametrize("topic", TOPICS)
def test_at_least_ten_known_solutions_of_each_kind_that_is_needed(topic: str) -> None:
    mutants = [mutant for mutant in load_mutants(MUTANTS, topic) if mutant.kind != "hostile"]
    kinds = [mutant.kind for mutant in mutants]
    assert len(mutants) >= 10
    assert kinds.count("right") >= 2, "the taught way, and another one"
    assert kinds.count("partial") >= 5
    assert "blank" in kinds
    assert sum(bool(mutant.says) for mutant in mutants) >= 5, "misconceptions are named"


def test_mutants_change_solutions_only() -> None:
    source = "%%tensorinfo\ny = 1\n### BEGIN SOLUTION\nz = a.detach() @ b\n### END SOLUTION\nw = 2"
    names = [mutant.name for mutant in ast_mutants(source, "q")]
    assert names == [
        "q | z = a.detach() @ b -> (nothing)",
        "q | z = a.detach() @ b -> z = a @ b",
        "q | z = a.detach() @ b -> z = a.detach() * b",
    ]


def test_reseeding_changes_hidden_seeds_only() -> None:
    source = "seed = 1\n### BEGIN HIDDEN TESTS\nif True:\n    seed = 7\n### END HIDDEN TESTS"
    (changed,) = reseeded([TrialCell("t", source, 1.0)], 3).values()
    assert changed.splitlines()[0] == "seed = 1"
    assert changed.splitlines()[3] == "    seed = 3000013"
    assert hidden_lines(changed) == hidden_lines(source)
    assert reseeded([TrialCell("a", source)], 3) == {}


@pytest.mark.slow
def test_trials_run_variants_apart(tmp_path: Path) -> None:
    test = TrialCell("t", "assert x == 1\n0.5", 1.0)
    cells = [TrialCell("first", ""), TrialCell("q", "x = 1", solution=True), test, TrialCell("u", "x == 1\nTrue", 2.0)]
    variants = [
        Variant("right"),
        Variant("wrong", {1: "x = 2"}),
        Variant("endless", {1: "while True:\n    pass"}),
        Variant("ends", {1: "import os\nos._exit(0)"}),
        Variant("no Python", {1: "x ="}),
        Variant("magic", {1: "%%tensorinfo\nx = 1"}),
    ]
    scores = run_trials(cells, variants, cwd=tmp_path)
    full, nothing = {"t": 0.5, "u": 2.0}, {"t": 0.0, "u": 0.0}
    assert scores["right"] == scores["magic"] == full
    assert scores["wrong"] == {"t": 0.0, "u": 2.0}
    assert scores["endless"] == scores["ends"] == nothing
    assert scores["no Python"] == nothing
    assert run_trials(cells, [variants[1]], until_lost=True, cwd=tmp_path)["wrong"] == nothing
