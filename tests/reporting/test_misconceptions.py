"""Lost points stand together by their reason, the one that most students share first, with an example of nobody's."""

from __future__ import annotations

from graders.reporting.facts import gather
from graders.reporting.misconceptions import BLANK, NAMED, OWN_ERROR, SAID, STOPPED
from graders.reporting.wording import unnumbered

from .classes import BLANK as RELEASED
from .classes import FAULT, LACKING, RIGHT, WRONG_DIM, WRONG_SHAPE, class_of, student
from .classes import STOPPED as TIMEOUT


def _said(text: str) -> tuple[str, str, str]:
    return "failed", f"CheckFailed: {text}", ""


def test_the_most_shared_reason_comes_first_and_blank_ones_stand_apart() -> None:
    made = [student(f"dim{n}", WRONG_DIM) for n in range(3)]
    made += [student(f"shape{n}", WRONG_SHAPE) for n in range(2)]
    made += [student(f"blank{n}", LACKING, answers=(RELEASED, "s = 1")) for n in range(5)]
    facts = gather(class_of(*made))
    assert [(one.group.kind, len(one.group.students)) for one in facts.shared] == [(NAMED, 3), (SAID, 2)]
    assert facts.shared[0].group.title == "Along the wrong dim"
    assert facts.shared[1].group.title == "`m` has shape (3,), expected (3, 1)"
    assert facts.blank is not None
    assert (facts.blank.kind, len(facts.blank.students)) == (BLANK, 5)


def test_a_misconception_of_two_questions_is_one_and_a_student_counts_once() -> None:
    facts = gather(class_of(student("a", WRONG_DIM, WRONG_DIM), student("b", RIGHT, WRONG_DIM)))
    (only,) = (one.group for one in facts.shared)
    assert only.students == ("a", "b")
    assert [(question.name, count) for question, count in only.questions] == [("test-sum", 2), ("test-mean", 1)]
    assert only.points == 2 + 4 + 4


def test_several_parts_of_a_rubric_are_several_reasons() -> None:
    lost = ("failed", "partial credit: 1 of 2. the mean: `m` is 3 (1 more part lost)", "wrong dim\nsum for mean")
    assert {one.group.name for one in gather(class_of(student("a", lost))).shared} == {"wrong dim", "sum for mean"}


def test_the_same_numbers_stand_together_and_others_by_their_words() -> None:
    made = [student(f"a{n}", _said("step(1, 2) should be 0, but it is -1.0")) for n in range(2)]
    made += [student(f"b{n}", _said(f"step(1, 2) should be 0, but it is {n}.5")) for n in range(3)]
    groups = [one.group for one in gather(class_of(*made)).shared]
    assert [(one.title, len(one.students)) for one in groups] == [
        ("step(…, …) should be …, but it is …", 3),
        ("step(1, 2) should be 0, but it is -1.0", 2),
    ]


def test_a_visible_and_a_hidden_test_say_the_same() -> None:
    seen = unnumbered("CheckFailed: `m` at [1] is 3, expected 2 (1 of 2 values differ)")
    assert seen == unnumbered("CheckFailed: `m` has 2 of 2 values wrong") == "`m` has wrong values"


def test_an_answer_that_does_not_run_is_the_reason_and_not_the_name_it_leaves_out() -> None:
    broken = "SyntaxError: incomplete input (<ipython-input-4-2b48>, line 2)"
    (only,) = gather(class_of(student("a", LACKING, broken=broken))).shared
    assert (only.group.kind, only.group.title) == (OWN_ERROR, "The answer's cell stops: SyntaxError: incomplete input")
    (other,) = gather(class_of(student("a", LACKING))).shared
    assert other.group.kind == SAID


def test_an_endless_answer_stopped() -> None:
    assert [one.group.kind for one in gather(class_of(student("a", TIMEOUT))).shared] == [STOPPED]


def test_a_test_that_fails_by_itself_is_nobodys_misconception_and_comes_first() -> None:
    facts = gather(class_of(student("a", FAULT), student("b", FAULT), student("c")))
    assert facts.shared == ()
    (error,) = facts.grader_errors
    assert (error.place, error.students) == ("hw, test-mean", ("a", "b"))
    assert "expcted" in error.message


def test_the_example_is_the_shortest_answer_without_what_tells_whose_it_is() -> None:
    long = "# by Ada Lovelace, ada@uni.example\nm = x.mean(0)  # ada's\nlabel = 'ada'\nlabel2 = 'someone else'"
    short = "m = x.mean(0)  # Bob was here"
    facts = gather(
        class_of(student("ada", WRONG_DIM, answers=(long, "")), student("bob", WRONG_DIM, answers=(short, "")))
    )
    example = facts.shared[0].example
    assert example is not None
    assert example.answer == "m = x.mean(0)"
    (only,) = gather(class_of(student("ada", WRONG_DIM, answers=(long, "")))).shared
    assert only.example is not None
    assert only.example.answer == "m = x.mean(0)\nlabel = 'someone'\nlabel2 = 'someone else'"


def test_the_example_has_the_judges_card_and_the_line_that_asked() -> None:
    card = '<table onclick="x()"><tr><td>4</td></tr></table><script>alert(1)</script>'
    facts = gather(class_of(student("a", WRONG_DIM, cards=(card, ""))))
    example = facts.shared[0].example
    assert example is not None
    assert (example.asked, example.card) == ("check_tensor(m, 'm')", "<table><tr><td>4</td></tr></table>")


def test_a_student_who_names_somebody_in_an_error_does_not_name_them_here() -> None:
    facts = gather(class_of(student("ada", ("error", "ValueError: ada gave up", "")), student("bob")))
    assert "ada" not in facts.shared[0].group.title
