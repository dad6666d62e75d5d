"""The documented JupyterHub: a grader and two students from release to feedback, and what one student cannot reach."""

from __future__ import annotations

import base64
import contextlib
import csv
import dataclasses
import io
import json
import re
import sys
import tarfile
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page

from graders.mutants import build_submission, load_mutants
from tests.e2e.hub import INSTALLED, ROOT, Hub, Machine, User, hub, machine, why_not
from tests.e2e.programs import Visitor

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.sandbox,
    pytest.mark.skipif(why_not() is not None, reason=str(why_not())),
]

TOPIC = "reductions"
EXCHANGE = "/srv/nbgrader/exchange/torch101"
COURSE = "/home/grace/torch101"
ATTACKS = Path(__file__).with_name("attacks.py")
#: What must stay where it is: they stand in the source notebook and in what Ben writes, and are told in halves.
HIDDEN, BENS = ("hidden-test-", "of-the-course-4711"), ("bens-own-", "answer-0815")
SECRETS = (HIDDEN, BENS)
#: Ada's code, run by the grader's engine: it prints what she could make it reach.
HOSTILE = f"""
import glob, os, IPython.display
print("looked")
for path in (*glob.glob("*"), *glob.glob("{COURSE}/**", recursive=True), "{COURSE}/source/{TOPIC}/{TOPIC}.ipynb"):
    try:
        print(path, open(path).read())
    except (OSError, UnicodeDecodeError):
        pass
IPython.display.display(IPython.display.HTML("<b>shown</b><img src=x onerror='window.ran = 1'><script>window.ran = 1</script>"))
"""


def _course(folder: Path) -> None:
    """The source of one assignment, with a mark in its solution and in its hidden tests."""
    (folder / TOPIC).mkdir(parents=True)
    text = (ROOT / "assignments" / "source" / TOPIC / f"{TOPIC}.ipynb").read_text()
    for start in ("### BEGIN HIDDEN TESTS", "### BEGIN SOLUTION"):
        assert start in text
        text = text.replace(start, f"{start}\\n# {''.join(HIDDEN)}")
    (folder / TOPIC / f"{TOPIC}.ipynb").write_text(text)


@dataclasses.dataclass(frozen=True)
class Term:
    """The course at the hub, after feedback was released."""

    machine: Machine
    hub: Hub
    people: dict[str, User]
    said: dict[str, str]
    visitor: Visitor

    def known(self) -> dict[str, Any]:
        """What Ada is told of the others, so that she need not guess."""
        ben, grace = self.people["ben"], self.people["grace"]
        inbound = self.machine.path(f"{EXCHANGE}/inbound")
        (submission,) = (path.name for path in inbound.glob("ben+*") if not path.name.endswith("planted"))
        return {
            "own_user": "ada",
            "other": "ben",
            "grader": "grace",
            "assignment": TOPIC,
            "course": COURSE,
            "exchange": EXCHANGE,
            "notebook": f"/home/ben/{TOPIC}/{TOPIC}.ipynb",
            "secrets": SECRETS,
            "programs": [sys.prefix, sys.base_prefix],
            "uids": [int(self.machine.run("id", "-u", name)) for name in ("ben", "grace")],
            "pid": _number(ben, "os.getppid()"),
            "port": _number(ben, _PORT),
            "grader_port": _number(grace, _PORT),
            "proxy_port": self.hub.ports["proxy"],
            "url": self.hub.url,
            "hub_files": [path.name for path in self.machine.path("/var/lib/jupyterhub").iterdir()],
            "kernel_ports": [],
            "submission": f"{EXCHANGE}/inbound/{submission}",
        }


_PORT = "os.environ['JUPYTERHUB_SERVICE_URL'].split(':')[-1].split('/')[0]"
_IOPUB = "__import__('ipykernel').get_connection_info(unpack=True)['iopub_port']"


def _number(user: User, expression: str) -> int:
    """What an expression is in the user's kernel, which may be printing other things."""
    return int(re.findall(r"<<(\d+)>>", user.execute(f"import os; print('<<' + str({expression}) + '>>')"))[0])


#: Ben's kernel goes on printing what is his.
_TALK = f"""
import threading, time
def talk():
    while True:
        print({"".join(BENS)!r}, flush=True)
        time.sleep(0.2)
threading.Thread(target=talk, daemon=True).start()
"""


def prepare(on: Machine, folder: Path) -> None:
    """What the page says to do as root."""
    on.run("sh", f"{INSTALLED}/docs/howto/jupyterhub/setup.sh", "grace", "ada", "ben")
    on.run("chpasswd", given="grace:grace-pw\nada:ada-pw\nben:ben-pw\n")
    _course(folder)
    on.run("sh", "-c", "umask 077; mkdir /home/grace/source; cd /home/grace/source; tar x", given=_tar(folder))
    on.run("chown", "-R", "grace:grace", "/home/grace/source")


def _tar(folder: Path) -> str:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.add(folder, ".")
    return stream.getvalue().decode()


def _work(user: User, mutant: str, own: str) -> None:
    """Answer the fetched notebook as a known solution does, with a cell of one's own at the end."""
    released = base64.b64decode(
        user.execute(f"import base64; print(base64.b64encode(open('{TOPIC}/{TOPIC}.ipynb', 'rb').read()).decode())")
    )
    (found,) = (each for each in load_mutants(ROOT / "assignments" / "mutants", TOPIC) if each.name == mutant)
    work = json.loads(build_submission(released, found) or b"")
    cell = {"cell_type": "code", "id": "own", "metadata": {}, "outputs": [], "execution_count": None, "source": own}
    work["cells"].append(cell)
    text = base64.b64encode(json.dumps(work).encode()).decode()
    user.execute(f"import base64; open('{TOPIC}/{TOPIC}.ipynb', 'wb').write(base64.b64decode('{text}'))")


def _assignment_list(page: Page) -> Locator:
    """The extension's page, opened."""
    page.click("text=Nbgrader")
    page.click(".lm-Menu-itemLabel:has-text('Assignment List')")
    page.wait_for_selector(f"text={TOPIC}")
    return page.locator("#jp-main-dock-panel")


def _press(page: Page, what: str) -> None:
    page.locator(f":text-is('{what}'):visible").first.click()


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
                said = _through_the_term(people, visitor)
            except BaseException:
                for user in people.values():
                    visitor.shot(user.page, f"failed-{user.name}")
                print((folder / "hub.log").read_text()[-6000:])
                raise
            yield Term(on, running, people, said, visitor)


def _through_the_term(people: dict[str, User], visitor: Visitor) -> dict[str, str]:
    grace, ada, ben = people["grace"], people["ada"], people["ben"]
    said = {}
    grace.log_in("grace-pw")
    said["release"] = grace.shell(
        "torchmagic course init ~/torch101 --source ~/source",
        "cd ~/torch101",
        f"nbgrader generate_assignment {TOPIC}",
        f"nbgrader release_assignment {TOPIC}",
    )
    for user in (ada, ben):
        user.log_in(f"{user.name}-pw")
        _assignment_list(user.page)
        visitor.shot(user.page, f"released-{user.name}")
        _press(user.page, "Fetch")
        user.page.wait_for_selector(":text-is('Submit'):visible")
        _work(user, "right", f"print({''.join(BENS)!r})" if user is ben else HOSTILE)
        _press(user.page, "Submit")
        user.page.wait_for_selector("text=/\\d{4}-\\d\\d-\\d\\d/")
        visitor.shot(user.page, f"submitted-{user.name}")
    ben.execute(_TALK)
    targets = [f"{COURSE}/source/{TOPIC}/{TOPIC}.ipynb", f"{COURSE}/gradebook.db", f"/home/ben/{TOPIC}/{TOPIC}.ipynb"]
    when = (datetime.now(timezone.utc) + timedelta(minutes=1)).strftime("%Y-%m-%d %H:%M:%S.%f UTC")
    planted = {"exchange": EXCHANGE, "assignment": TOPIC, "time": when, "targets": targets}
    assert ada.calls(ATTACKS, "plant", own_user="ada", other="ben", **planted) == "planted"
    said["collect"] = grace.shell("cd ~/torch101", f"nbgrader collect {TOPIC}")
    said["grade"] = grace.shell(
        "cd ~/torch101",
        f"torchmagic grade {TOPIC}",
        f"torchmagic feedback {TOPIC}",
        f"nbgrader release_feedback {TOPIC}",
        f"torchmagic export csv {TOPIC} --to grades.csv",
        "cat grades.csv",
    )
    return said


def test_from_release_to_feedback(term: Term) -> None:
    """All is done by the course's own programs, and each student gets their own page."""
    table = term.said["grade"][term.said["grade"].index("assignment,") :]
    rows = {row["student_id"]: row["score"] for row in csv.DictReader(io.StringIO(table)) if row["score"]}
    assert {name: float(score) for name, score in rows.items()} == {"ada": 19.0, "ben": 19.0}
    page = term.people["ben"].page
    _press(page, "Fetch Feedback")
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
        ben.execute(_TALK)
        reached = {"url": weak.url, "port": _number(ben, _PORT), "proxy_port": weak.ports["proxy"]}
        more = {"kernel_ports": [_number(ben, _IOPUB)], "uids": [], **reached}
        got = ada.calls(ATTACKS, "attempts", **{**known, **more})
    assert {name for name, what in got.items() if not what} == set()
