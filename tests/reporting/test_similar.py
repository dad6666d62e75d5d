"""Copies are found though names, comments and spacing were changed; honest classes accuse nobody."""

from __future__ import annotations

import random

import pytest

from graders.reporting.data import ClassResults
from graders.reporting.fragments import marked
from graders.reporting.similar import find_similar

from .handwriting import RELEASED, answers, classroom, renamed

LONG = """def train(X, y, steps, rate):
    weights, shift, history = torch.randn(X.shape[1], 1, requires_grad=True), torch.zeros(1, requires_grad=True), []
    best, patience = float("inf"), 0
    while steps > 0 and patience < 7:
        batch = torch.randperm(len(X))[: max(1, len(X) // 3)]
        guess = torch.addmm(shift, X[batch], weights)
        miss = torch.nn.functional.huber_loss(guess, y[batch], reduction="none")
        total = miss.mean() + 0.0 * weights.abs().sum()
        total.backward()
        for parameter in (weights, shift):
            parameter.data.add_(parameter.grad, alpha=-rate)
            parameter.grad = None
        patience = patience + 1 if total.item() > best else 0
        best = min(best, total.item())
        history.append(best)
        steps -= 1
    return weights, shift, history
"""


def _class(size: int, seed: int = 0) -> dict[str, dict[str, str]]:
    chance = random.Random(seed)
    return {f"s{place:03d}": answers(chance) for place in range(size)}


def _found(results: ClassResults) -> list[tuple[str, ...]]:
    return [cluster.students for cluster in find_similar(results).clusters]


@pytest.mark.slow
@pytest.mark.parametrize(("size", "seed"), [(2, 0), (5, 0), (12, 0), (12, 1), (30, 0), (30, 1), (70, 0)])
def test_a_class_of_honest_answers_accuses_nobody(size: int, seed: int) -> None:
    assert _found(classroom(_class(size, seed))) == []


@pytest.mark.parametrize("size", [12, 60])
def test_a_verbatim_copy_is_found(size: int) -> None:
    works = _class(size)
    assert _found(classroom({**works, "x": works["s003"]})) == [("s003", "x")]


@pytest.mark.parametrize("size", [12, 60])
def test_a_copy_with_other_names_comments_and_spacing_is_found(size: int) -> None:
    works = _class(size)
    works["s003"]["hw/train"] = LONG
    copy = renamed(works["s003"])
    for name in ("weights", "shift", "history", "best", "patience", "batch", "guess", "miss", "total", "parameter"):
        copy["hw/train"] = copy["hw/train"].replace(name, f"{name[::-1]}_")
    (cluster,) = find_similar(classroom({**works, "x": copy})).clusters
    assert cluster.students == ("s003", "x")
    assert cluster.pairs[0].alike > 0.8
    assert cluster.pairs[0].cells


def test_a_copy_of_which_a_part_was_written_anew_is_found() -> None:
    works = _class(40)
    works["s003"]["hw/train"] = LONG
    part = {**works["s003"], "hw/mean": works["s004"]["hw/mean"], "hw/each": works["s005"]["hw/each"]}
    assert _found(classroom({**works, "x": part})) == [("s003", "x")]


def test_four_who_share_one_text_are_one_group() -> None:
    works = _class(20)
    for name in "xyz":
        works[name] = dict(works["s003"])
    (cluster,) = find_similar(classroom(works)).clusters
    assert cluster.students == ("s003", "x", "y", "z")
    assert cluster.identical


def test_what_everybody_writes_alike_accuses_nobody() -> None:
    one = {cell: text.replace("raise NotImplementedError()", "return 1") for cell, text in RELEASED.items()}
    assert _found(classroom({f"s{place}": one for place in range(30)})) == []


def test_the_release_is_nobodys_own_text() -> None:
    found = find_similar(classroom({f"s{place}": RELEASED for place in range(30)}))
    assert (found.clusters, found.compared) == ((), 0)


def test_a_rare_short_answer_accuses_nobody() -> None:
    works = _class(60)
    for name in ("s010", "s020"):
        works[name]["hw/step"] = "def step(weight, gradient, rate):\n    return torch.sub(weight, gradient, alpha=rate)"
    assert _found(classroom(works)) == []


@pytest.mark.parametrize(
    "text", ["", "\x00", "def (", "%%bash\nrm -rf", "x" * 5000, "'''", "\ud800 = 1", "# only", "🙂 = 1"]
)
def test_texts_that_are_no_program_are_compared_too(text: str) -> None:
    works = {**_class(12), "odd": {"hw/train": text, "hw/+9": text}, "even": {"hw/train": text}}
    find_similar(classroom(works))
    assert "".join(piece for piece, _ in marked(text, LONG)[0]) == text


def test_marked_pieces_are_the_whole_text() -> None:
    left, right = marked(LONG, LONG.replace("best = min(best, total.item())", "print(total)").replace("guess", "g"))
    assert "".join(piece for piece, _ in left) == LONG
    assert {alike for _, alike in left} == {True, False}
    assert any(alike for _, alike in right)
