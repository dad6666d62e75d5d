"""A notebook open in JupyterLab 4 or Notebook 7, driven as a person does: by the keyboard."""

from __future__ import annotations

import dataclasses
import re
from typing import Literal

from playwright.sync_api import Locator, Page, expect

from tests.e2e.programs import Server, Theme, until

Program = Literal["lab", "notebook"]

_PATHS = {"lab": "lab/tree/{}?reset", "notebook": "notebooks/{}"}
_HAS_RUN = re.compile(r"\[(\d+)\]:")
_SECONDS = 120


@dataclasses.dataclass(frozen=True)
class Notebook:
    """An open notebook. Both programs are built of the same parts, so one class drives both."""

    page: Page

    @property
    def cells(self) -> Locator:
        """All cells, from the top."""
        return self.page.locator(".jp-Notebook .jp-Notebook-cell")

    def at(self, place: int) -> Locator:
        """The cell at a place, from 0."""
        return self.page.locator(f'.jp-Notebook-cell[data-windowed-list-index="{place}"]')

    @property
    def active(self) -> Locator:
        """The cell that the keyboard acts upon."""
        return self.page.locator(".jp-Notebook-cell.jp-mod-active")

    def outputs(self, cell: Locator | None = None) -> Locator:
        """The outputs of a cell; of the whole notebook, if none is given."""
        return (self.page if cell is None else cell).locator(".jp-OutputArea-output")

    def number(self, cell: Locator) -> int | None:
        """The count of a cell that has run, as in ``[3]:``."""
        prompt = cell.locator(
            ".jp-InputPrompt"
        )  # its text, not what is seen of it: cells out of sight are not laid out
        found = _HAS_RUN.search(prompt.first.text_content() or "") if prompt.count() else None
        return int(found[1]) if found else None

    def focus(self, cell: int = 0) -> None:
        """Make a cell the active one, in command mode."""
        self.cells.nth(cell).click(position={"x": 4, "y": 4})
        self.page.keyboard.press("Escape")

    def tab_to(self, cell: Locator, tag: str) -> None:
        """From the cell, Tab into its output, to an element of that name."""
        self.focus(int(cell.first.get_attribute("data-windowed-list-index") or 0))
        for _ in range(8):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("document.activeElement.tagName.toLowerCase()") == tag:
                return
        raise AssertionError(f"Tab does not reach {tag}")

    def run(self) -> Locator:
        """Shift+Enter: run the active cell, wait until it has ended, and give it; the next one is active then."""
        place = int(self.active.get_attribute("data-windowed-list-index") or 0)
        cell = self.at(place)
        code = "jp-CodeCell" in (cell.get_attribute("class") or "")
        before = self.number(cell)
        self.page.keyboard.press("Shift+Enter")
        if code:
            until(lambda: self.number(cell) not in (None, before), _SECONDS, f"cell {place} ends")
        expect(self.active).to_have_attribute("data-windowed-list-index", str(place + 1), timeout=20_000)
        return cell

    def run_all(self) -> None:
        """Shift+Enter in every cell, from the first."""
        count = self.cells.count()
        self.focus(0)
        for _ in range(count):
            self.run()

    def run_new(self, source: str) -> Locator:
        """Type a new cell below the active one, run it, and give it."""
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("b")
        self.page.keyboard.press("Enter")
        self.page.keyboard.insert_text(source)
        return self.run()

    def save(self) -> None:
        """Control+S, and wait until it is saved."""
        with self.page.expect_response(
            lambda answer: answer.request.method == "PUT" and "/api/contents/" in answer.url and answer.ok
        ):
            self.page.keyboard.press("Control+s")


def open_notebook(page: Page, server: Server, name: str, program: Program, *, kernel: bool = True) -> Notebook:
    """Open a notebook by its path below the server's folder, and wait for its cells.

    Args:
        kernel: wait for an idle kernel, too.
    """
    page.goto(server.at(_PATHS[program].format(name)))
    notebook = Notebook(page)
    stored = page.request.get(server.at(f"api/contents/{name}?content=1")).json()
    expect(notebook.cells).to_have_count(len(stored["content"]["cells"]), timeout=60_000)  # they come one by one
    if kernel:
        wait_for_kernel(page, server, name)
    return notebook


def wait_for_kernel(page: Page, server: Server, name: str) -> None:
    """Until that notebook has a kernel that answers: the page says idle before there is one."""
    until(lambda: _connected(page, server, name), 90, f"a kernel for {name}")
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').first.wait_for(state="attached")


def _connected(page: Page, server: Server, name: str) -> bool:
    sessions = page.request.get(server.at("api/sessions")).json()
    kernels = [each["kernel"] for each in sessions if each["path"] == name]
    return any(kernel["execution_state"] == "idle" and kernel["connections"] for kernel in kernels)


def theme_of(page: Page) -> Theme:
    """The theme that the program shows."""
    light = page.locator("body").get_attribute("data-jp-theme-light")
    return "dark" if light == "false" else "light"
