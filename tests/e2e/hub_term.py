"""A course at the documented JupyterHub, from an empty machine to released feedback; Ada attacks where she can."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import re
import sys
import tarfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page

from graders.mutants import build_submission, load_mutants
from tests.e2e.hub import INSTALLED, ROOT, Hub, Machine, User
from tests.e2e.programs import Visitor

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
            "pid": number(ben, "os.getppid()"),
            "port": number(ben, PORT),
            "grader_port": number(grace, PORT),
            "proxy_port": self.hub.ports["proxy"],
            "url": self.hub.url,
            "hub_files": [path.name for path in self.machine.path("/var/lib/jupyterhub").iterdir()],
            "kernel_ports": [],
            "submission": f"{EXCHANGE}/inbound/{submission}",
        }


#: Expressions for a user's kernel: the port of their own server, and the one on which the kernel says what it prints.
PORT = "os.environ['JUPYTERHUB_SERVICE_URL'].split(':')[-1].split('/')[0]"
IOPUB = "__import__('ipykernel').get_connection_info(unpack=True)['iopub_port']"


def number(user: User, expression: str) -> int:
    """What an expression is in the user's kernel, which may be printing other things."""
    return int(re.findall(r"<<(\d+)>>", user.execute(f"import os; print('<<' + str({expression}) + '>>')"))[0])


#: Ben's kernel goes on printing what is his.
TALK = f"""
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


def press(page: Page, what: str) -> None:
    """Click on what is called that."""
    page.locator(f":text-is('{what}'):visible").first.click()


def through_the_term(people: dict[str, User], visitor: Visitor) -> dict[str, str]:
    """Release, hand in, grade and give feedback; gives what Grace's commands said at each step."""
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
        press(user.page, "Fetch")
        user.page.wait_for_selector(":text-is('Submit'):visible")
        _work(user, "right", f"print({''.join(BENS)!r})" if user is ben else HOSTILE)
        press(user.page, "Submit")
        user.page.wait_for_selector("text=/\\d{4}-\\d\\d-\\d\\d/")
        visitor.shot(user.page, f"submitted-{user.name}")
    ben.execute(TALK)
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
