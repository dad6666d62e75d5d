"""A student: torchmagic installed from its wheel, the tour run in JupyterLab 4 and in Notebook 7, read, saved and printed."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pypdf
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.notebooks import Notebook, Program, open_notebook, theme_of
from tests.e2e.outputs import CUT_OFF, FAINT, OURS, OUT_OF_REACH, ours, told
from tests.e2e.programs import Home, Server, Theme, Visitor, jupyter, lend_chromium, violations
from tests.wheels import build_wheel, install_wheel

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
TYPED = "%load_ext torchmagic\nimport torch\nbatch = torch.ones(32, 10)\nweight = torch.ones(5, 10)\nbatch @ weight"
THEMES: tuple[Theme, ...] = ("light", "dark")


@dataclasses.dataclass(frozen=True)
class Student:
    """A student's folder, home and installation."""

    folder: Path
    home: Home
    environment: dict[str, str]

    def python(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """A program in the student's terminal, which ends well."""
        command = [sys.executable, *arguments]
        environment = {**self.home.environment, **self.environment, **more}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return done


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory, home: Home) -> Student:
    """Somebody who has installed the wheel and written the tour with it."""
    installed = install_wheel(build_wheel(tmp_path_factory.mktemp("clone")), tmp_path_factory.mktemp("site"))
    made = Student(tmp_path_factory.mktemp("student"), home, {"PYTHONPATH": str(installed)})
    place = made.python("-c", "import torchmagic; print(torchmagic.__file__)").stdout
    assert Path(place.strip()).is_relative_to(installed), "what is tried is what the wheel holds"
    made.python("-m", "torchmagic", "tour")
    made.python("-m", "torchmagic", "tour", "mine.ipynb")
    return made


@dataclasses.dataclass(frozen=True)
class Desk:
    """A server, and the tour in it, run and saved."""

    program: Program
    server: Server
    student: Student
    name: str

    def open(self, page: Page, *, kernel: bool = False) -> Notebook:
        """The saved tour again, without the side bar."""
        notebook = open_notebook(page, self.server, self.name, self.program, kernel=kernel)
        page.locator(OURS).last.wait_for(state="attached")
        if self.program == "lab":
            page.keyboard.press("Control+b")
            page.locator("#jp-left-stack").wait_for(state="hidden")
        return notebook

    def stored(self) -> nbformat.NotebookNode:
        """The notebook as it is on disk."""
        return nbformat.read(self.student.folder / self.name, as_version=4)


@pytest.fixture(scope="module", params=["lab", "notebook"])
def desk(request: pytest.FixtureRequest, student: Student, browser: Browser) -> Iterator[Desk]:
    """JupyterLab or Notebook, in which the tour was run by the keyboard alone, and saved."""
    program: Program = request.param
    name = {"lab": "tour.ipynb", "notebook": "mine.ipynb"}[program]
    with jupyter(program, student.folder, student.home, environment=student.environment) as server:
        with Visitor(browser, f"tour-{program}").page() as page:
            notebook = open_notebook(page, server, name, program)
            notebook.run_all()
            notebook.save()
        yield Desk(program, server, student, name)


def test_the_keyboard_alone_runs_the_tour(desk: Desk) -> None:
    cells = [cell for cell in desk.stored().cells if cell.cell_type == "code" and cell.source]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    failed = [cell.id for cell in cells if any(output.output_type == "error" for output in cell.outputs)]
    assert failed == ["tour-clash"], "one cell fails, on purpose"
    pages = {
        cell.id: "".join(o.data["text/html"] for o in cell.outputs if "data" in o) for cell in cells if cell.outputs
    }
    assert "Why <code" in pages["tour-clash"]
    assert "∂loss/∂W = -16" in pages["tour-step"]
    assert "= 4.6" in pages["tour-lr-shown"]
    assert "✓ agrees" in pages["tour-checked"]
    assert "every value against every other" in pages["tour-surprise"]
    assert pages["tour-on"]
    assert pages["tour-on-more"]
    assert "tour-off" not in pages


@pytest.mark.parametrize("system", THEMES)
@pytest.mark.parametrize("theme", THEMES)
def test_it_reads_in_the_programs_theme_whatever_the_system_has(
    desk: Desk, visitor: Visitor, theme: Theme, system: Theme
) -> None:
    """Opened again, the saved outputs are trusted and shown as they were."""
    desk.student.home.set_theme(theme)
    with visitor.page(system) as page:
        desk.open(page)
        assert theme_of(page) == theme
        shown = ours(page)
        assert len(shown) == sum("text/html" in str(cell.get("outputs")) for cell in desk.stored().cells)
        assert all("jp-mod-trusted" in (output.get_attribute("class") or "") for output in shown)
        assert violations(page, OURS) == []
        assert told(page, FAINT) == []
        for place, output in enumerate(shown):
            output.scroll_into_view_if_needed()
            if system == "light":
                visitor.shot(page, f"{place:02}")


@pytest.mark.parametrize(
    ("width", "scale", "theme"), [(640, 2, "light"), (400, 1, "dark")], ids=["200 %, light", "400 px, dark"]
)
def test_nothing_is_cut_off_where_it_is_narrow(
    desk: Desk, visitor: Visitor, width: int, scale: int, theme: Theme
) -> None:
    """At 200 % a window of 1280 pixels has 640."""
    desk.student.home.set_theme(theme)
    with visitor.page(theme, width=width, device_scale_factor=scale) as page:
        desk.open(page)
        for place, output in enumerate(ours(page)):
            output.scroll_into_view_if_needed()
            visitor.shot(page, f"{place:02}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert told(page, CUT_OFF) == []
        assert told(page, OUT_OF_REACH) == []
        assert violations(page, OURS) == []


def test_the_checks_see_what_is_wrong(visitor: Visitor) -> None:
    bad = (
        '<div class="jp-RenderedHTML" style="width:200px;background:#fff"><div class="tm-seen">'
        '<div style="width:300px">wide</div><div style="overflow-x:auto"><div style="width:400px">far</div></div>'
        '<svg width="90" height="20" role="img"><title>t</title><text y="15" fill="#bbb">faint</text></svg><img src="data:,"></div></div>'
    )
    with visitor.page() as page:
        page.set_content(f'<!doctype html><html lang="en"><title>t</title>{bad}')
        assert len(told(page, CUT_OFF)) == 1
        assert len(told(page, OUT_OF_REACH)) == 1
        assert told(page, FAINT) == ["faint"]
        assert any(line.startswith("image-alt") for line in violations(page, OURS))


def test_keys_reach_what_is_wide_and_what_is_folded(desk: Desk, visitor: Visitor) -> None:
    desk.student.home.set_theme("light")
    with visitor.page(width=640) as page:
        notebook = desk.open(page)
        wide = page.locator(".tm-wide").first
        notebook.tab_to(wide.locator("xpath=ancestor::*[contains(@class, 'jp-Notebook-cell')]"), "span")
        before = notebook.active.get_attribute("data-windowed-list-index")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        page.wait_for_function("e => e.scrollLeft > 0", arg=wide.element_handle())
        assert notebook.active.get_attribute("data-windowed-list-index") == before
        visitor.shot(page, "scrolled")
        fold = page.locator(".tm-seen details").first
        notebook.tab_to(fold.locator("xpath=ancestor::*[contains(@class, 'jp-Notebook-cell')]"), "summary")
        for key, opened in (("Enter", False), ("Enter", True), ("Space", False), ("Space", True)):
            page.keyboard.press(key)
            assert fold.evaluate("e => e.open") is opened
        visitor.shot(page, "folded")


def test_a_click_on_a_table_leaves_the_keys_to_the_notebook(desk: Desk, visitor: Visitor) -> None:
    with visitor.page() as page:
        notebook = desk.open(page, kernel=True)
        cell = notebook.cells.filter(has=page.locator(".tm-wide")).first
        place = int(cell.get_attribute("data-windowed-list-index") or 0)
        cell.locator(".tm-wide td").first.click()
        page.keyboard.press("Shift+Enter")
        expect(notebook.active).to_have_attribute("data-windowed-list-index", str(place + 1), timeout=20_000)


def test_a_shape_error_in_a_cell_of_ones_own(desk: Desk, visitor: Visitor) -> None:
    desk.student.home.set_theme("dark")
    with visitor.page("light") as page:
        notebook = desk.open(page, kernel=True)
        cell = notebook.run_new(TYPED)
        card = cell.get_by_role("note", name="Why batch @ weight failed")
        assert "batch @ weight.T" in card.inner_text()
        assert cell.get_by_role("table", name="Operands").get_by_role("rowheader").all_inner_texts() == [
            "batch",
            "weight",
        ]
        card.scroll_into_view_if_needed()
        visitor.shot(page, "card")
        assert violations(page, OURS) == []


def test_a_screen_reader_is_told_what_is_seen(desk: Desk, visitor: Visitor) -> None:
    with visitor.page() as page:
        desk.open(page)
        pictures = page.locator(f"{OURS} svg[role=img]").all()
        assert pictures
        for picture in pictures:
            assert (picture.locator("title").first.text_content() or "").strip()
        for graph in page.locator(".tm-graph > div > svg").all():
            assert len(graph.locator("> desc").text_content() or "") > 40
        for table in page.locator(f"{OURS} table").all():
            assert table.get_attribute("aria-label") or table.locator("caption").count()
            assert table.locator("thead th:not([scope])").count() == 0


def test_forced_colours(desk: Desk, visitor: Visitor) -> None:
    """A high-contrast system chooses the colours: words must be there in its own, and marks have more than a colour."""
    with visitor.page("dark", forced_colors="active") as page:
        desk.open(page)
        for place, output in enumerate(ours(page)[:8]):
            output.scroll_into_view_if_needed()
            visitor.shot(page, f"{place:02}")
        assert told(page, FAINT) == []
        assert violations(page, OURS) == []
        assert page.locator(".tm-loud").first.text_content() == "2"
        assert (page.locator(f"{OURS} section").first.text_content() or "").count("✗") == 2


@pytest.fixture(scope="module")
def printed(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what nbconvert makes of the tour: light.html, dark.html, tour.md."""
    folder = tmp_path_factory.mktemp("printed")
    for theme in THEMES:
        _convert(desk, "html", folder / theme, f"--theme={theme}")
    return folder


def _convert(desk: Desk, form: str, target: Path, *arguments: str, **environment: str) -> Path:
    desk.student.python(
        *("-m", "nbconvert", f"--to={form}", desk.name, f"--output={target}", *arguments), **environment
    )
    (made,) = [path for path in target.parent.iterdir() if path.stem == target.name and path.is_file()]
    return made


def _read(pdf: Path) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(pdf).pages)


WANTED = ("per_student", "MmBackward0", "1.742", "Why x @ W failed", "must match", "prediction = 6", "-16", "negative: raising W lowers loss",
          "4.6", "agrees", "Linear", "model.0.weight", "assigned anew", "NaN", "inf", "0.4017")  # fmt: skip


@pytest.mark.parametrize("theme", THEMES)
def test_on_paper_and_in_html_all_of_it_is_there(desk: Desk, printed: Path, visitor: Visitor, theme: Theme) -> None:
    with visitor.page("light", width=717) as page:  # A4 without the margins of Chromium, at 96 dots an inch
        page.goto((printed / f"{theme}.html").as_uri())
        visitor.shot(page, "page", full_page=True)
        assert violations(page, OURS) == []
        assert told(page, FAINT) == []
        page.emulate_media(media="print")
        assert told(page, CUT_OFF) == []
        page.pdf(path=printed / f"{theme}.pdf", print_background=True, format="A4")
        text = re.sub(r"\s+", " ", _read(printed / f"{theme}.pdf"))
        assert [word for word in WANTED if word not in text] == []


def test_nbconverts_own_pdf_and_markdown(desk: Desk, tmp_path: Path) -> None:
    browsers = tmp_path / "browsers"
    lend_chromium(browsers)
    pdf = _convert(
        desk, "webpdf", tmp_path / "paper", "--disable-chromium-sandbox", PLAYWRIGHT_BROWSERS_PATH=str(browsers)
    )
    text = re.sub(r"\s+", " ", _read(pdf))
    assert [word for word in WANTED if word not in text] == []
    markdown = _convert(desk, "markdown", tmp_path / "text").read_text(encoding="utf-8")
    assert [word for word in ("per_student", "-16", "✓ agrees") if word not in markdown] == []


def test_what_is_stored_needs_no_kernel_and_no_script(desk: Desk) -> None:
    stored = json.dumps(desk.stored())
    assert "<script" not in stored
    assert "http://www.w3.org/2000/svg" in stored
    assert not re.search(r'(src|href)=\\?"http', stored)
