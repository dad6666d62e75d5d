"""A real course for the journeys: an instructor's folder, an exchange, and students each with a home of their own."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import nbformat
from playwright.sync_api import Locator, Page, expect

from graders.mutants import Mutant, build_submission, load_mutants
from graders.nbgrader_plugin.course import Course
from tests.e2e.programs import Home, Server

TOPIC = "operations"
MUTANTS = Path(__file__).parents[2] / "assignments" / "mutants"
COURSE_ID = "pytorch101"
#: The first lines of a question's test cell, by which a reader finds it, and a wrong answer to it.
CHECK = 'points.part(1, "scale_columns")'
WRONG = """\
def scale_columns(table, factors):
    return table + factors


def scale_rows(table, factors):
    return table * factors.unsqueeze(1)


def all_products(u, v):
    return u.unsqueeze(1) * v
"""
_EXCHANGE = "c = get_config()\nc.Exchange.root = {root!r}\nc.Exchange.cache = {cache!r}\n"


@dataclasses.dataclass(frozen=True)
class School:
    """One course, the exchange that it releases to, and the homes of all who take part."""

    root: Path

    @property
    def instructor(self) -> Home:
        return Home(self.root / "instructor")

    @property
    def folder(self) -> Path:
        """The course's folder, as `torchmagic course init` laid it out."""
        return self.instructor.folder / COURSE_ID

    @property
    def exchange(self) -> Path:
        return self.root / "exchange"

    @property
    def course(self) -> Course:
        return Course(self.folder)

    def torchmagic(self, *arguments: str, folder: Path | None = None) -> str:
        """What the real command prints in the course's folder; it must succeed."""
        return self._run("-c", "from graders.cli import main; main()", *arguments, folder=folder)

    def nbgrader(self, *arguments: str) -> str:
        """The same for nbgrader's commands."""
        return self._run("-m", "nbgrader", *arguments)

    def _run(self, *arguments: str, folder: Path | None = None) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=folder or self.folder,
            env=self.instructor.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def found(self) -> None:
        """Lay the course out, and make the exchange."""
        self.exchange.mkdir(parents=True)
        self.exchange.chmod(0o777)
        self.instructor.folder.mkdir()
        self.torchmagic("course", "init", COURSE_ID, folder=self.instructor.folder)
        config = self.folder / "nbgrader_config.py"
        settings = _EXCHANGE.format(root=str(self.exchange), cache=str(self.instructor.folder / "cache"))
        config.write_text(config.read_text() + settings.partition("\n")[2])

    def student(self, name: str) -> Home:
        """A student's home, whose settings name the course, the exchange and themselves.

        All run as one user of the system here; nbgrader tells them apart by the name in their settings.
        """
        home = Home(self.root / "homes" / name)
        settings = home.folder / ".jupyter" / "nbgrader_config.py"
        if not settings.exists():
            settings.parent.mkdir(parents=True)
            text = _EXCHANGE.format(root=str(self.exchange), cache=str(home.folder / ".nbgrader-cache"))
            names = f"c.CourseDirectory.course_id = {COURSE_ID!r}\nc.CourseDirectory.student_id = {name!r}\n"
            settings.write_text(text + names)
        return home

    def hand_in(self, student: str, mutant: Mutant, topic: str = TOPIC) -> None:
        """Fetch, answer as a known solution does, and submit, as nbgrader's own commands do."""
        exchange = self.course.student_exchange(topic)
        notebook = exchange.fetch(student, self.student(student).folder) / f"{topic}.ipynb"
        content = build_submission(notebook.read_bytes(), mutant)
        assert content is not None
        notebook.write_bytes(content)
        exchange.submit(student, self.student(student).folder)

    def stamp(self, student: str, topic: str = TOPIC) -> dict[str, str]:
        """How the engine says that grading a submission ended."""
        path = self.folder / "autograded" / student / topic / f"{topic}.ipynb"
        return dict(nbformat.read(path, as_version=4).metadata.torchmagic)


def known(name: str, topic: str = TOPIC) -> Mutant:
    """A known solution of the assignment."""
    return next(mutant for mutant in load_mutants(MUTANTS, topic) if mutant.name == name)


def answered(name: str = "right", *, first: str = "", **cells: str) -> Mutant:
    """A known solution with other answers in some cells, by grade_id with underscores; a cell of one's own ``first``."""
    base = known(name)
    given = {cell.replace("_", "-"): text for cell, text in cells.items()}
    return dataclasses.replace(base, answers={**base.answers, **given}, first=first)


# ---- JupyterLab and Notebook


def notebook(page: Page) -> Locator:
    """The notebook that is shown."""
    return page.locator(".jp-Notebook").filter(visible=True).first


def cell(page: Page, text: str) -> Locator:
    """The code cell whose source holds ``text``."""
    found = notebook(page).locator(".jp-CodeCell", has=page.locator(".cm-content", has_text=text)).first
    found.scroll_into_view_if_needed()
    return found


def run(page: Page, text: str) -> Locator:
    """Run that cell, and wait until it has been run; gives its outputs."""
    there = cell(page, text)
    prompt = there.locator(".jp-InputPrompt").first
    before = prompt.inner_text()
    there.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    expect(prompt).to_have_text(re.compile(r"\[\d+\]"), timeout=60_000)
    expect(prompt).not_to_have_text(before, timeout=60_000)
    there.scroll_into_view_if_needed()
    return there.locator(".jp-OutputArea").first


def write(page: Page, text: str, source: str) -> None:
    """Write another source into that cell, as by pasting, and run it."""
    there = cell(page, text)
    there.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(source)
    run(page, source.splitlines()[0])


def menu(page: Page, name: str, item: str) -> None:
    """Choose an item of the menu bar."""
    page.locator(".lm-MenuBar-item", has_text=name).click()
    page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{item}$")).click()


def validate(page: Page) -> str:
    """Press the button above the notebook; gives what its dialog says."""
    page.get_by_role("button", name="Validate").filter(visible=True).click()
    dialog = page.locator(".jp-Dialog")
    dialog.wait_for(timeout=120_000)
    return dialog.inner_text()


def dismiss(page: Page) -> None:
    """Close the dialog that is open."""
    page.locator(".jp-Dialog").get_by_role("button", name="Ok").click()
    page.locator(".jp-Dialog").wait_for(state="detached")


# ---- the Assignment List


def assignments(page: Page) -> None:
    """Open the list of assignments by its menu, or read it again."""
    if page.locator(".lm-TabBar-tabLabel", has_text="Assignments").count() == 0:
        menu(page, "Nbgrader", "Assignment List")
    else:
        page.locator(".lm-TabBar-tabLabel", has_text="Assignments").click()
        page.locator("#refresh_assignments_list").click()
    page.locator("#released_assignments_list_loading").wait_for(state="hidden")


# ---- formgrader


def formgrader(page: Page, server: Server, path: str = "") -> None:
    """Open one of formgrader's pages; the first visit logs in."""
    if "/formgrader" not in page.url:
        page.goto(server.at("formgrader"))
    if path:
        page.goto(f"{server.url}/formgrader/{path}")
    page.wait_for_load_state("networkidle")


def press(page: Page, row: str, column: str) -> str:
    """Press a button in a row of formgrader's table; gives what the dialog says, which stays open."""
    page.locator("#main-table tr", has_text=row).first.locator(f"td.{column} a").click()
    dialog = page.locator(".modal.in")
    dialog.wait_for(timeout=180_000)
    page.wait_for_timeout(400)  # it slides in
    return dialog.inner_text()


def close(page: Page) -> None:
    """Close formgrader's dialog."""
    page.locator(".modal.in .modal-footer button").last.click()
    page.locator(".modal-backdrop").wait_for(state="detached")
