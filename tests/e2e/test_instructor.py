"""An instructor's work in formgrader: generate, release, collect, autograde, grade by hand, give feedback, report."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest
from playwright.sync_api import Page, expect

from graders.mutants import build_submission
from tests.e2e.course import TOPIC, WRONG, School, answered, assignments, close, formgrader, known, press
from tests.e2e.programs import Home, Server, Theme, Visitor, jupyter, violations
from tests.engine.test_walls import WITHOUT

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.sandbox]

#: Each would press formgrader's buttons for its author, if it ran there; what runs says so in the page's title.
PAGES_THAT_RUN = (
    "<script>RUN</script>",
    "<img src=x onerror='RUN'>",
    "<svg onload='RUN'></svg>",
    "<svg><style><img src=x onerror='RUN'></style></svg>",
    "<svg><animate onbegin='RUN' attributeName=x dur=1s></animate></svg>",
    "<![CDATA[><img src=x onerror='RUN'>]]>",
    "<!--><img src=x onerror='RUN'>-->",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=x onerror=RUN&gt;'>",
    "<noscript><p title='</noscript><img src=x onerror=RUN>'>",
    "<iframe srcdoc='<script>parent.RUN</script>'></iframe>",
    "<iframe src='javascript:parent.RUN'></iframe>",
    "<input autofocus onfocus='RUN'>",
    "<details open ontoggle='RUN'>x</details>",
    "<a id=pressed href='java&#9;script:RUN'>press me</a>",
)
HACKED = "document.title='hacked'"
SHOWS = f"""\
from IPython.display import HTML, Javascript, Markdown, display
for page in {[page.replace("RUN", HACKED) for page in PAGES_THAT_RUN]!r}:
    display(HTML(page), Markdown(page))
display(Javascript("{HACKED}"))
display({{"image/png": "!", "text/plain": "p"}}, raw=True, metadata={{"image/png": {{"width": "1 onerror={HACKED}"}}}})
"""
CLASS = {
    "bea": answered(),
    "cleo": answered(op_scale="while True:\n    pass"),
    "dan": answered(op_scale="import ctypes\nctypes.string_at(0)"),
    "eve": answered(first=SHOWS, op_words="I know. " + " ".join(PAGES_THAT_RUN).replace("RUN", HACKED)),
    "fay": answered(op_scale=WRONG, op_layer="def layer(x, weight, bias):\n    return x @ weight.T"),
}


LATE = "creating_tensors"
LATE_PLUGIN = """\
from nbgrader.plugins import BasePlugin


class Hourly(BasePlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return 0.5 * (total_seconds_late // 3600)
"""
LATE_SETTING = """\
import os, sys
sys.path.append(os.path.dirname(__file__))
c.AssignLatePenalties.plugin_class = "late.Hourly"
"""


@pytest.fixture(scope="module")
def lab(school: School) -> Iterator[Server]:
    """The instructor's JupyterLab, started in the course's folder, with a class's work in the exchange."""
    config = school.folder / "nbgrader_config.py"
    config.write_text(f"{config.read_text()}c.Execute.timeout = 5\n{LATE_SETTING}")
    (school.folder / "late.py").write_text(LATE_PLUGIN)
    for student, work in CLASS.items():
        school.hand_in(student, work)
    with jupyter("lab", school.folder, school.instructor) as server:
        yield server


def submission(page: Page, lab: Server, student: str, topic: str = TOPIC) -> None:
    """Open one student's work where it is graded by hand."""
    formgrader(page, lab, f"gradebook/{topic}/{topic}")
    where = page.locator("#main-table a", has_text=student).first.get_attribute("href")
    page.goto(f"{lab.url}{where}")
    page.wait_for_load_state("load")


def test_an_assignment_is_generated_previewed_and_released(school: School, lab: Server, visitor: Visitor) -> None:
    with visitor.page("light") as page:
        page.goto(lab.at("lab"))
        page.locator(".lm-MenuBar-item", has_text="Nbgrader").click(timeout=90_000)
        page.locator(".lm-Menu-itemLabel", has_text="Formgrader").first.click()
        inside = page.frame_locator("iframe[src*=formgrader]")
        expect(inside.locator("#main-table tr", has_text="backward_pass")).to_be_visible()
        visitor.shot(page, "1-in-lab")
        formgrader(page, lab)
        assert "Successfully created the student version of 'backward_pass'" in press(page, "backward_pass", "assign")
        close(page)
        assert "HIDDEN" not in (school.folder / "release/backward_pass/backward_pass.ipynb").read_text()
        preview = page.locator("#main-table tr", has_text="backward_pass").locator("td.preview a")
        expect(preview).to_have_attribute("href", "/tree/./release/backward_pass")
        assert "Successfully released 'backward_pass'" in press(page, "backward_pass", "release")
        visitor.shot(page, "2-released")
        close(page)
        assert (school.exchange / "pytorch101/outbound/backward_pass/backward_pass.ipynb").exists()


def test_a_class_is_graded_with_buttons_and_by_hand(school: School, lab: Server, visitor: Visitor) -> None:
    said = {}
    with visitor.page("light") as page:
        formgrader(page, lab)
        assert f"Successfully collected submissions of '{TOPIC}'" in press(page, TOPIC, "collect")
        close(page)
        formgrader(page, lab, f"manage_submissions/{TOPIC}")
        for student in CLASS:
            said[student] = press(page, student, "autograde")
            visitor.shot(page, f"1-autograded-{student}")
            close(page)
        visitor.shot(page, "2-submissions")
        scores = {student: entry.score for student, entry in school.course.scores(TOPIC).items() if student in CLASS}
        assert scores == {"bea": 14, "cleo": 11, "dan": 5, "eve": 14, "fay": 11}
        how = {"bea": "[INFO] passed", "cleo": "[WARNING] timeout: no end after 5 s", "eve": "[INFO] passed"}
        how["dan"] = "[WARNING] crashed: the student's process was ended by SIGSEGV"
        for student, ended in how.items():
            level, words = ended.split(" ", 1)
            assert f"{level} {TOPIC}.ipynb of {student}: {words}" in said[student]
            assert school.stamp(student)["by"] == "engine"

        ends = {"cleo": "Timeout: no end after 5 s", "dan": "Crashed: the student's process was ended by SIGSEGV"}
        for student, words in ends.items():
            submission(page, lab, student)
            ended = page.get_by_text(words).first
            ended.scroll_into_view_if_needed()
            visitor.shot(page, f"3-{student}")
        expect(page.get_by_text("Crashed: not run, because of an earlier cell").first).to_be_attached()

        submission(page, lab, "eve")
        page.wait_for_timeout(1500)
        page.locator("#pressed").first.click()
        assert page.title() == TOPIC, "something of the student's ran"
        expect(page.locator("[onerror], [onload], [onbegin], [onfocus], [ontoggle]")).to_have_count(0)
        visitor.shot(page, "4-eve")

        submission(page, lab, "fay")
        card = page.locator(".tm-compared").first
        card.scroll_into_view_if_needed()
        expect(card).to_contain_text("6 of 6 values differ")
        visitor.shot(page, "5-fay")
        assert violations(page, ".tm-compared") == []
        page.locator("#op-words").fill("2.5")
        page.locator("#op-words-comment").fill("Say *why* nobody notices.")
        page.locator("#op-words-comment").press("Tab")
        expect(page.locator(".comment-saved").last).to_be_visible()
        page.wait_for_load_state("networkidle")
        visitor.shot(page, "6-by-hand")
        assert school.course.scores(TOPIC)["fay"].score == 13.5

        formgrader(page, lab, f"manage_submissions/{TOPIC}")
        generated = press(page, "fay", "generate-feedback")
        assert "Successfully generated feedback" in generated
        assert "[WARNING]" not in generated
        close(page)
        assert "Successfully released feedback" in press(page, "fay", "release-feedback")
        close(page)
    assert len(list((school.exchange / "pytorch101/feedback").glob("*.html"))) >= 1

    written = school.folder / "feedback" / "fay" / TOPIC / f"{TOPIC}.html"
    for theme in ("light", "dark"):
        with visitor.page(theme, 640, 450, device_scale_factor=2) as page:  # as at 200 %
            page.goto(written.as_uri())
            expect(page.get_by_text("(Score: 13.5 / 17.0)")).to_be_visible()
            expect(page.locator(".panel-footer em", has_text="why")).to_be_attached()
            page.locator(".tm-compared").first.scroll_into_view_if_needed()
            visitor.shot(page, f"7-feedback-{theme}")
            assert violations(page, ".tm-compared") == []


def test_late_work_and_extra_credit(school: School, lab: Server, visitor: Visitor) -> None:
    """Submitted from the browser after the due date: what the penalty is stands where the score does."""
    school.course.generate(LATE)
    school.course.release(LATE)
    school.course.set_due(LATE, datetime.now(timezone.utc) - timedelta(hours=3, minutes=30))
    home = school.student("ivy")
    notebook = school.course.student_exchange(LATE).fetch("ivy", home.folder) / f"{LATE}.ipynb"
    content = build_submission(notebook.read_bytes(), known("right", LATE))
    assert content is not None
    notebook.write_bytes(content)
    with jupyter("lab", home.folder, home) as server, visitor.page("light") as page:
        page.goto(server.at("lab"))
        page.locator(".lm-MenuBar-item", has_text="Nbgrader").wait_for(timeout=90_000)
        assignments(page)
        row = page.locator("#fetched_assignments_list > .list_item", has_text=LATE)
        row.get_by_role("button", name="Submit").click()
        expect(page.locator("#submitted_assignments_list .nested_list_item")).to_have_count(1)
        visitor.shot(page, "1-submitted")
    with visitor.page("light") as page:
        formgrader(page, lab)
        assert "ivy" in press(page, LATE, "collect")
        close(page)
        formgrader(page, lab, f"manage_submissions/{LATE}")
        said = press(page, "ivy", "autograde")
        visitor.shot(page, "2-autograded")
        close(page)
        held = school.course.scores(LATE)["ivy"]
        full = held.score + 1.5
        assert f"[WARNING] {LATE}.ipynb of ivy is late: 1.5 of {full:g} points are taken off" in said

        submission(page, lab, "ivy", LATE)
        extra = page.locator(".extra-credit").first
        extra.fill("0.5")
        extra.press("Tab")
        expect(page.locator(".score-saved, .glyphicon-ok").first).to_be_attached()
        page.wait_for_load_state("networkidle")
        visitor.shot(page, "3-extra-credit")
        assert school.course.scores(LATE)["ivy"].score == full - 1.5 + 0.5

        formgrader(page, lab, f"manage_submissions/{LATE}")
        assert "Successfully generated feedback" in press(page, "ivy", "generate-feedback")
        close(page)
        page.goto((school.folder / "feedback" / "ivy" / LATE / f"{LATE}.html").as_uri())
        expect(page.locator(".late-penalty")).to_have_text("Late submission penalty (Score: -1.5)")
        expect(page.get_by_text(f"{LATE} (Score: {full - 1.0} / {held.max_score})")).to_be_visible()
        visitor.shot(page, "4-feedback")


def test_the_button_says_which_setting_is_wrong(school: School, lab: Server, visitor: Visitor) -> None:
    """Of who has the engine's line in a file of their own, too: nbgrader goes on without a file that does not load."""
    home = Home(school.root / "careful")
    (home.folder / ".jupyter").mkdir(parents=True)
    line = "c = get_config()\nfrom graders.nbgrader_plugin import configure; configure(c)\n"
    (home.folder / ".jupyter" / "nbgrader_config.py").write_text(line)
    config = school.folder / "nbgrader_config.py"
    good = config.read_text()
    school.hand_in("joe", answered())
    school.course.collect(TOPIC)
    try:
        config.write_text(f"{good}c.Execute.timeout = TIMEOUT\n")
        with jupyter("lab", school.folder, home) as server, visitor.page("light") as page:
            formgrader(page, server)
            formgrader(page, server, f"manage_submissions/{TOPIC}")
            said = press(page, "joe", "autograde")
            visitor.shot(page, "1-which-setting")
            close(page)
    finally:
        config.write_text(good)
    last = len(good.splitlines()) + 1
    why = f"[ERROR] {config} does not load (NameError: name 'TIMEOUT' is not defined, line {last})"
    assert why in " ".join(said.split())
    assert "Success" not in said
    assert not (school.folder / "autograded" / "joe" / TOPIC).exists()


def test_the_button_says_why_work_is_not_graded(school: School, lab: Server, visitor: Visitor) -> None:
    """On a machine whose kernel lacks what the walls are made of: the server is forbidden to have it."""
    home = Home(school.root / "elsewhere")
    (home.folder / ".jupyter").mkdir(parents=True)
    (home.folder / ".jupyter" / "jupyter_server_config.py").write_text(
        f"import os\nfrom graders.engine import kernel_calls as kc\n{WITHOUT['seccomp']}"
    )
    school.hand_in("gil", answered())
    school.course.collect(TOPIC)
    with jupyter("lab", school.folder, home) as server, visitor.page("light") as page:
        formgrader(page, server)
        formgrader(page, server, f"manage_submissions/{TOPIC}")
        said = press(page, "gil", "autograde")
        visitor.shot(page, "1-no-walls")
        assert "[ERROR] The grading engine cannot wall off submissions here: no seccomp" in said
        assert 'c.EngineExecute.isolation = "process"' in said
        close(page)
        assert not (school.folder / "autograded" / "gil" / TOPIC).exists()
        said = press(page, "gil", "generate-feedback")
        visitor.shot(page, "2-not-graded")
        assert "gil" in said
        close(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_report_is_a_page_to_read(school: School, lab: Server, visitor: Visitor, theme: Theme) -> None:
    """Where an instructor finds it: in the folder that formgrader's course is in."""
    written = school.folder / "reports" / f"{TOPIC}.html"
    if not written.exists():
        school.torchmagic("report", TOPIC)
        assert f"torchmagic grade {TOPIC} adds what this page lacks" in written.read_text(), "buttons keep no details"
        school.torchmagic("grade", TOPIC)
        school.torchmagic("report", TOPIC)
    with visitor.page(theme) as page:
        page.goto(written.as_uri())
        expect(page.locator("#reasons li h3").first).to_be_visible()
        visitor.shot(page, f"1-{theme}")
        visitor.shot(page, f"2-{theme}-whole", full_page=True)
        assert violations(page, "body") == []
    with visitor.page(theme, 640, 450, device_scale_factor=2) as page:
        page.goto(written.as_uri())
        visitor.shot(page, f"3-{theme}-200")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, "nobody scrolls sideways at 200 %"
