"""The documented JupyterHub: a grader and two students from release to feedback, and what one student cannot reach."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.e2e.hub import User, hub, machine, why_not
from tests.e2e.hub_term import (
    ATTACKS,
    BENS,
    COURSE,
    HIDDEN,
    IOPUB,
    PORT,
    SECRETS,
    TALK,
    TOPIC,
    Term,
    number,
    prepare,
    press,
    through_the_term,
)
from tests.e2e.programs import Visitor

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.sandbox,
    pytest.mark.skipif(why_not() is not None, reason=str(why_not())),
]


@pytest.fixture(scope="module")
def term(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Term]:
    """From an empty machine to released feedback."""
    folder = tmp_path_factory.mktemp("hub")
    visitor = Visitor(browser, "jupyterhub")
    with machine() as on:
        prepare(on, folder / "source")
        with hub(on, folder / "hub.log") as running, contextlib.ExitStack() as pages:
            names = ("grace", "ada", "ben")
            people = {name: User(pages.enter_context(visitor.page()), running, name) for name in names}
            try:
                said = through_the_term(people, visitor)
            except BaseException:
                for user in people.values():
                    visitor.shot(user.page, f"failed-{user.name}")
                print((folder / "hub.log").read_text()[-6000:])
                raise
            yield Term(on, running, people, said, visitor)


def test_from_release_to_feedback(term: Term) -> None:
    """All is done by the course's own programs, and each student gets their own page."""
    table = term.said["grade"][term.said["grade"].index("assignment,") :]
    rows = {row["student_id"]: row["score"] for row in csv.DictReader(io.StringIO(table)) if row["score"]}
    assert {name: float(score) for name, score in rows.items()} == {"ada": 19.0, "ben": 19.0}
    page = term.people["ben"].page
    press(page, "Fetch Feedback")
    page.wait_for_selector(":text-is('View Feedback'):visible, :text-is('(view feedback)'):visible")
    term.visitor.shot(page, "feedback-ben")
    (feedback,) = term.machine.path(f"/home/ben/{TOPIC}/feedback").rglob("*.html")
    assert "".join(BENS) in feedback.read_text()
    assert "".join(HIDDEN) not in feedback.read_text()


def test_everybody_sees_their_own_tools(term: Term) -> None:
    shown = {}
    for name, user in term.people.items():
        user.page.click("text=Nbgrader")
        shown[name] = user.page.locator(".lm-Menu-itemLabel:visible").all_text_contents()
        user.page.keyboard.press("Escape")
        term.visitor.shot(user.page, f"menu-{name}")
    assert shown["ada"] == shown["ben"] == ["Assignment List"]
    assert {"Formgrader", "Course List"} <= {*shown["grace"]}
    assert "Assignment List" not in shown["grace"]
    assert term.people["ada"].page.request.get(f"{term.hub.url}/user/ada/formgrader").status == 404


def test_a_student_reaches_nothing_of_others(term: Term) -> None:
    got = term.people["ada"].calls(ATTACKS, "attempts", **term.known())
    assert len(got) == 15
    assert {name: what for name, what in got.items() if what} == {}


@pytest.mark.parametrize("place", ["user/ben/lab", "user/ben/api/contents", "user/grace/formgrader", "hub/admin"])
def test_a_students_browser_is_refused(term: Term, place: str) -> None:
    reply = term.people["ada"].page.request.get(f"{term.hub.url}/{place}")
    assert reply.status in (403, 404), reply.text()[:500]


def test_nobody_hands_in_for_another(term: Term) -> None:
    """Neither by a forged folder nor by another name in the environment, by which nbgrader names a submission's file."""
    assert re.search(r"Not collected: .*ben\+reductions\+.*planted: it is not owned by ben", term.said["collect"])
    assert re.search(r"Not collected: .*/x\+reductions\+: ", term.said["collect"])
    collected = term.machine.path(f"{COURSE}/submitted/ben/{TOPIC}/{TOPIC}.ipynb").read_text()
    assert "".join(BENS) in collected
    ada = term.people["ada"]
    printed = ada.shell("cd ~", f"USER=ben LOGNAME=ben JUPYTERHUB_USER=ben nbgrader submit {TOPIC}")
    assert "/inbound/ada+" in printed
    assert "/inbound/ben+" not in printed


def test_what_a_submission_points_at_is_not_collected(term: Term) -> None:
    """Ada's links stay outside, and what her code finds when it is graded is her own."""
    assert len(re.findall(r"Not collected, of .*ada\+reductions.*leak\d\.txt is a link", term.said["collect"])) == 3
    submitted = {path.name for path in term.machine.path(f"{COURSE}/submitted/ada/{TOPIC}").iterdir()}
    assert submitted == {f"{TOPIC}.ipynb", "timestamp.txt", "submission_secret.txt"}
    page = term.machine.path(f"{COURSE}/feedback/ada/{TOPIC}/{TOPIC}.html").read_text()
    assert "looked" in page
    for secret in SECRETS:
        assert "".join(secret) not in page


def _is_shown(output: dict[str, Any]) -> bool:
    return "<b>shown</b>" in "".join(output.get("data", {}).get("text/html", ""))


def test_nothing_of_a_students_runs_in_the_graders_browser(term: Term) -> None:
    page = term.people["grace"].page
    page.goto(f"{term.hub.url}/user/grace/formgrader/gradebook/{TOPIC}/{TOPIC}")
    page.wait_for_selector("tbody a")
    places = page.locator("tbody a[href*='/formgrader/submissions/']").evaluate_all("all => all.map(a => a.href)")
    assert len(set(places)) == 2
    seen = 0
    for place in dict.fromkeys(places):
        page.goto(place)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("window.ran") is None
        if shown := page.locator("b:text-is('shown')").count():
            seen += shown
            page.locator("b:text-is('shown')").scroll_into_view_if_needed()
            term.visitor.shot(page, "formgrader")
    assert seen == 1
    graded = json.loads(term.machine.path(f"{COURSE}/autograded/ada/{TOPIC}/{TOPIC}.ipynb").read_text())
    (raw,) = (o["data"]["text/html"] for c in graded["cells"] for o in c.get("outputs", ()) if _is_shown(o))
    page.set_content("".join(raw))
    page.wait_for_function("window.ran === 1")  # as it would have, had it been shown as it is


#: The documented file but for its hook: every server is then started as SimpleLocalProcessSpawner does by itself.
_WITHOUT_THE_HOOK = """
load_subconfig("/etc/jupyterhub/jupyterhub_config.py")
c.Spawner.pre_spawn_hook = None
c.Spawner.args = ["--allow-root"]
c.Spawner.environment = {"TMPDIR": "/tmp/{username}"}
c.SimpleLocalProcessSpawner.home_dir_template = "/tmp/{username}"
c.JupyterHub.db_url = "sqlite://"
c.JupyterHub.cookie_secret_file = "/var/lib/jupyterhub/second-secret"
c.ConfigurableHTTPProxy.pid_file = "/var/lib/jupyterhub/second.pid"
"""


def test_without_the_hook_every_attack_gets_through(term: Term, tmp_path: Path) -> None:
    """So each of them can: what it did not get, it did not get for the hook and the settings that it brings."""
    known = term.known()
    term.machine.path("/root/without.py").write_text(_WITHOUT_THE_HOOK)
    with (
        hub(term.machine, tmp_path / "hub.log", "/root/without.py") as weak,
        term.visitor.page() as first,
        term.visitor.page() as second,
    ):
        ben, ada = User(first, weak, "ben"), User(second, weak, "ada")
        ben.log_in("ben-pw")
        ada.log_in("ada-pw")
        ben.execute(TALK)
        reached = {"url": weak.url, "port": number(ben, PORT), "proxy_port": weak.ports["proxy"]}
        more = {"kernel_ports": [number(ben, IOPUB)], "uids": [], **reached}
        got = ada.calls(ATTACKS, "attempts", **{**known, **more})
    assert {name for name, what in got.items() if not what} == set()
