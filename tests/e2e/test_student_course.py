"""A student's assignment from fetching it to reading the feedback, in JupyterLab; and in Notebook as far as that goes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from graders.mutants import build_submission
from tests.e2e.course import (
    CHECK,
    TOPIC,
    WRONG,
    School,
    answered,
    assignments,
    cell,
    dismiss,
    run,
    validate,
    write,
)
from tests.e2e.notebooks import wait_for_kernel
from tests.e2e.programs import Server, Visitor, jupyter, until, violations

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def lab(school: School) -> Iterator[Server]:
    """Ada's JupyterLab."""
    home = school.student("ada")
    with jupyter("lab", home.folder, home) as server:
        yield server


def fetch(page: Page) -> None:
    """Press the button beside the released assignment."""
    row = page.locator("#released_assignments_list .list_item", has_text=TOPIC)
    row.get_by_role("button", name="Fetch").click()


def copies_a_cell(page: Page) -> None:
    """An answer's cell cannot be deleted, but copied: Validate minds, and what the copy holds is graded all the same."""
    page.locator(".lm-TabBar-tabLabel", has_text=f"{TOPIC}.ipynb").click()
    answers = page.locator(".jp-CodeCell", has=page.locator(".cm-content", has_text="def scale_columns"))
    cell(page, "def scale_columns").locator(".jp-InputPrompt").first.click()
    for key in ("Escape", "d", "d"):
        page.keyboard.press(key)
    expect(answers).to_have_count(1)
    for key in ("c", "v"):
        page.keyboard.press(key)
    expect(answers).to_have_count(2)
    assert "the nbgrader metadata may be corrupted" in validate(page), "what docs/howto/students.md explains"
    dismiss(page)


def test_from_fetching_to_reading_the_feedback(school: School, lab: Server, visitor: Visitor) -> None:
    folder = lab.home.folder / TOPIC
    with visitor.page("light") as page:
        page.goto(lab.at("lab"))
        page.locator(".lm-MenuBar-item", has_text="Nbgrader").wait_for(timeout=90_000)
        assignments(page)
        fetch(page)
        until((folder / f"{TOPIC}.ipynb").exists, what="the notebook is fetched")
        released = (folder / f"{TOPIC}.ipynb").read_bytes()
        assert b"HIDDEN TESTS" not in released
        visitor.shot(page, "1-fetched")

        # an earlier sitting: all is answered, question 3 wrongly
        content = build_submission(released, answered(op_scale=WRONG))
        assert content is not None
        (folder / f"{TOPIC}.ipynb").write_bytes(content)
        page.locator("#fetched_assignments_list a", has_text=TOPIC).first.click()
        page.locator("#fetched_assignments_list .nested_list_item a", has_text=TOPIC).click()
        page.locator(".jp-Notebook").first.wait_for()
        wait_for_kernel(page, lab, f"{TOPIC}/{TOPIC}.ipynb")
        run(page, "import torch")
        run(page, "def scale_columns")
        shown = run(page, CHECK)
        expect(shown.locator(".tm-compared")).to_contain_text("6 of 6 values differ")
        assert "scale_columns: 0 of 1 points." in shown.inner_text()
        visitor.shot(page, "2-wrong")
        assert violations(page, ".tm-compared") == []

        page.keyboard.press("Escape")
        page.keyboard.press("b")
        page.keyboard.press("Enter")
        page.keyboard.insert_text("%hint q3")
        assert "hint 1 of" in run(page, "%hint q3").inner_text().lower()

        said = validate(page)
        visitor.shot(page, "3-validate-fails")
        assert said.count("The following cell failed:") == 1
        assert "scale_columns: 0 of 1 points. `scale_columns(…)` at [0, 0] is 2, expected 1 (6 of 6 values" in said
        assert not {"<", "\x1b", "&#"} & set(said.partition("points.score()")[2]), "plain words"
        dismiss(page)

        write(page, "def scale_columns", WRONG.replace("table + factors", "table * factors"))
        assert run(page, CHECK).inner_text().strip().endswith("3.0")
        assert "Success! Your notebook passes all the tests." in validate(page)
        visitor.shot(page, "4-validate-passes")
        dismiss(page)

        for times in (1, 2):
            if times == 2:
                copies_a_cell(page)
                visitor.shot(page, "5-copied")
            assignments(page)
            row = page.locator("#fetched_assignments_list > .list_item", has_text=TOPIC)
            row.get_by_role("button", name="Submit").click()
            expect(page.locator("#submitted_assignments_list .nested_list_item")).to_have_count(times)
        visitor.shot(page, "5-submitted-twice")

        school.course.collect(TOPIC)
        school.torchmagic("grade", TOPIC)
        assert school.course.scores(TOPIC)["ada"].score == 14
        school.course.write_feedback(TOPIC)
        school.nbgrader("release_feedback", TOPIC, "--student", "ada")
        assignments(page)
        page.get_by_role("button", name="Fetch Feedback").first.click()
        page.get_by_text("(view feedback)").click()
        page.locator(".jp-DirListing-itemText", has_text=f"{TOPIC}.html").dblclick()
        feedback = page.frame_locator(".jp-HTMLViewer iframe")
        expect(feedback.get_by_text("(Score: 14.0 / 17.0)")).to_be_visible()
        expect(feedback.get_by_text("# (hidden tests)").first).to_be_attached()
        visitor.shot(page, "6-feedback")
        (written,) = folder.glob(f"feedback/*/{TOPIC}.html")
        for secret in ("torch.randn", "seed = ", "meta_product"):
            assert secret not in written.read_text(), "of a hidden test"
            assert secret.encode() in (school.folder / "source" / TOPIC / f"{TOPIC}.ipynb").read_bytes()

        # deleted by mistake: fetched again
        shutil.rmtree(folder)
        assignments(page)
        fetch(page)
        until((folder / f"{TOPIC}.ipynb").exists, what="the notebook is fetched again")
        assert (folder / f"{TOPIC}.ipynb").read_bytes() == released


def test_in_notebook_a_wrong_answer_on_a_dark_page(school: School, visitor: Visitor) -> None:
    """In Notebook: open, run, read the card, validate."""
    home = school.student("nora")
    school.hand_in("nora", answered(op_scale=WRONG))
    home.set_theme("dark")
    with jupyter("notebook", home.folder, home) as server, visitor.page("dark") as page:
        page.goto(server.at(f"notebooks/{TOPIC}/{TOPIC}.ipynb"))
        page.locator(".jp-Notebook").first.wait_for(timeout=90_000)
        wait_for_kernel(page, server, f"{TOPIC}/{TOPIC}.ipynb")
        run(page, "import torch")
        run(page, "def scale_columns")
        expect(run(page, CHECK).locator(".tm-compared")).to_contain_text("6 of 6 values differ")
        visitor.shot(page, "1-card")
        assert violations(page, ".tm-compared") == []
        said = validate(page)
        visitor.shot(page, "2-validate")
        assert said.count("The following cell failed:") == 1
        assert "`scale_columns(…)` at [0, 0] is 2, expected 1" in said
        dismiss(page)
        cell(page, CHECK)
