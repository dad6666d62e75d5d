"""The figures of questions and scores keep the laws that their words promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graders.reporting.data import Question
from graders.reporting.distribution import describe_scores
from graders.reporting.facts import gather
from graders.reporting.items import Item, correlation, item_analysis, percentile

from .classes import BLANK, FAULT, LACKING, QUESTIONS, RIGHT, STOPPED, WRONG_DIM, class_of, lacking, student

scores = st.floats(0, 100, allow_nan=False).map(lambda score: round(score, 3))
ENDS = st.sampled_from([RIGHT, WRONG_DIM, LACKING, STOPPED, FAULT])


@given(st.lists(scores, min_size=1, max_size=60), st.floats(0.5, 100))
def test_every_score_is_in_the_histogram_once(values: list[float], most: float) -> None:
    found = describe_scores(values, most)
    assert sum(one.count for one in found.bins) == len(values) == found.count
    assert all(low.high == high.low for low, high in zip(found.bins, found.bins[1:], strict=False))
    assert found.bins[0].low <= min(values)
    assert found.bins[-1].high >= max(*values, most) - 1e-6
    for one in found.bins[:-1]:
        inside = sum(one.low <= value < one.high for value in values)
        assert abs(one.count - inside) <= sum(
            abs(value - edge) < 1e-6 for value in values for edge in (one.low, one.high)
        )


@given(st.lists(scores, min_size=2, max_size=60))
def test_the_summary_is_numpys(values: list[float]) -> None:
    found = describe_scores(values, 100.0)
    assert found.mean == pytest.approx(np.mean(values), abs=1e-9)
    assert found.median == pytest.approx(np.median(values))
    assert found.deviation == pytest.approx(np.std(values), abs=1e-6)
    assert [found.quarter, found.three_quarters] == pytest.approx(np.percentile(values, [25, 75]).tolist())
    assert percentile(values, 95) == pytest.approx(np.percentile(values, 95))


@given(st.lists(st.tuples(scores, scores), min_size=3, max_size=40), st.floats(0.5, 9), st.floats(-9, 9))
def test_discrimination_is_a_correlation(pairs: list[tuple[float, float]], factor: float, offset: float) -> None:
    found = correlation(pairs)
    if found is None:
        return
    assert -1 <= found <= 1
    one, other = np.array(pairs).T
    if min(np.std(one), np.std(other)) > 1e-3:
        assert found == pytest.approx(np.corrcoef(one, other)[0, 1], abs=1e-6)
        assert correlation([(factor * a + offset, b) for a, b in pairs]) == pytest.approx(found, abs=1e-5)
        assert correlation([(-a, b) for a, b in pairs]) == pytest.approx(-found, abs=1e-5)


@given(st.lists(st.tuples(ENDS, ENDS), max_size=25))
def test_every_submission_that_counts_is_counted_once_in_each_question(
    ends: list[tuple[tuple[str, str, str], ...]],
) -> None:
    made = [student(f"s{place}", *some) for place, some in enumerate(ends)]
    for item in item_analysis(class_of(*made, lacking("none")), {}):
        assert item.counted == len(ends)
        assert item.full + item.partial + item.zero + item.blank + item.stopped + item.waiting == len(ends)
        assert item.success is None or 0 <= item.success <= 1


def test_what_each_end_counts_as() -> None:
    made = [
        student("a"),
        student("b", WRONG_DIM),
        student("c", STOPPED),
        student("d", FAULT),
        student("e", LACKING, answers=(BLANK, "s = 1")),
    ]
    mean = gather(class_of(*made)).items[0]
    assert (mean.full, mean.zero, mean.stopped, mean.waiting, mean.blank) == (1, 1, 1, 1, 1)
    assert mean.success == pytest.approx(1 / 4)


def test_a_question_is_correlated_with_the_others_and_not_with_itself() -> None:
    made = [student(f"r{n}", RIGHT, WRONG_DIM) for n in range(6)] + [
        student(f"w{n}", WRONG_DIM, RIGHT) for n in range(6)
    ]
    one, other = gather(class_of(*made)).items
    assert one.discrimination == other.discrimination == pytest.approx(-1.0)
    assert one.warning == "negative"


def test_few_students_are_not_marked_and_no_variance_is_none() -> None:
    assert Item(QUESTIONS[0], 5, discrimination=-0.5).warning == ""
    assert [one.discrimination for one in gather(class_of(student("a"), student("b"), student("c"))).items] == [
        None,
        None,
    ]


def test_those_without_an_attempt_count_in_no_question() -> None:
    blank = student("b", LACKING, LACKING, answers=(BLANK, BLANK), outcome="not attempted")
    facts = gather(class_of(student("a"), blank, lacking("c"), lacking("d", "unreadable")))
    assert facts.counted == 1
    assert [one.success for one in facts.items] == [1.0, 1.0]
    assert dict(facts.outcomes) == {"passed": 1, "not attempted": 1, "unreadable": 1, "missing": 1}
    assert [one.student for one in facts.ungraded] == ["c", "d"]


def test_seconds_are_of_the_answer_and_its_test() -> None:
    mean = gather(class_of(student("a"), student("b"))).items[0]
    assert (mean.median_seconds, mean.slow_seconds) == (0.75, 0.75)
    assert sum(one.share for one in gather(class_of(student("a"))).slow) == pytest.approx(1)


def test_a_class_without_anybody_has_facts() -> None:
    facts = gather(replace(class_of(), questions=(Question("hw", "q", 0.0),)))
    assert (facts.counted, facts.scores.count, facts.items[0].success, facts.shared) == (0, 0, None, ())
