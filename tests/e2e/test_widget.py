"""The graph that one can pan, zoom, open and click on, in JupyterLab; and what is left of it without a kernel."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.notebooks import Notebook, Program, open_notebook, wait_for_kernel
from tests.e2e.programs import Home, Server, Theme, Visitor, jupyter, until, violations
from torchmagic.widget import AGAIN

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

#: The output of the still picture.
STILL = ".jp-OutputArea-child:has(.tm-still)"
CELLS = [
    "%load_ext torchmagic\nimport torch\nfrom torch import nn\ntorch.manual_seed(0)",
    "%%gradtrace --widget\n"
    "encoder = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8))\n"
    "net = nn.Sequential(encoder, nn.Tanh(), nn.Linear(8, 1))\n"
    "x = torch.randn(5, 4)\n"
    "loss = net(x).pow(2).mean()\n"
    "loss.backward()",
]


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("notebooks")
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = new_notebook(cells=[new_code_cell(source) for source in CELLS], metadata={"kernelspec": kernel})
    nbformat.write(notebook, folder / "widget.ipynb")
    return folder


@pytest.fixture(scope="module")
def lab(course: Path, home: Home) -> Iterator[Server]:
    with jupyter("lab", course, home) as server:
        yield server


def run_all(page: Page, server: Server, name: str = "widget.ipynb") -> Locator:
    """The notebook with all cells run; gives the widget."""
    page.goto(server.at(f"lab/tree/{name}?reset"))
    page.locator(".jp-Notebook .cm-content").first.wait_for()
    wait_for_kernel(page, server, name)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator("[data-command='runmenu:run-all']").click()
    widget = page.locator(".tm-widget")
    widget.wait_for()
    widget.scroll_into_view_if_needed()
    return widget


def spots(widget: Locator) -> list[str]:
    return [str(text) for text in widget.locator(".tm-spot").evaluate_all("all => all.map(e => e.dataset.id)")]


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement?.dataset?.id ?? ''"))


def shown_part(widget: Locator) -> list[float]:
    return [float(each) for each in (widget.locator(".tm-stage > svg").get_attribute("viewBox") or "").split()]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everything_answers_to_mouse_and_keys(lab: Server, home: Home, visitor: Visitor, theme: Theme) -> None:
    home.set_theme(theme)
    with visitor.page(theme, 1200, 1000) as page:
        widget = run_all(page, lab)
        first = widget.locator(".tm-spot").first.bounding_box()
        stage = widget.locator(".tm-stage").bounding_box()
        assert first is not None
        assert stage is not None
        assert 8 < first["width"] < stage["width"]  # it can be read
        assert stage["x"] <= first["x"] <= stage["x"] + stage["width"] - first["width"]
        assert stage["y"] <= first["y"] <= stage["y"] + stage["height"] - first["height"]
        visitor.shot(page, "first")
        assert violations(page, ".tm-widget") == []
        opens_and_closes(page, widget)
        tells(page, widget)
        moves(page, widget)
        visitor.shot(page, "told")
        assert violations(page, ".tm-widget") == []
        page.set_viewport_size({"width": 700, "height": 1000})
        widget.get_by_role("button", name="Show all of it (0)").click()
        visitor.shot(page, "narrow")


def opens_and_closes(page: Page, widget: Locator) -> None:
    """Modules open and close by mouse and by key; the focus stays with the module."""
    first = spots(widget)
    widget.get_by_role("button", name="Close all modules").click()
    until(lambda: len(spots(widget)) < len(first), what="all modules are closed")
    closed = spots(widget)
    (module,) = [each for each in closed if each.startswith("group")]
    mark = widget.locator(f".tm-spot[data-id='{module}']")
    assert mark.get_attribute("aria-expanded") == "false"
    mark.click()
    until(lambda: len(spots(widget)) > len(closed), what="a click opens the module")
    mark.focus()
    page.keyboard.press("Enter")
    until(lambda: spots(widget) == closed, what="Enter closes it")
    until(lambda: focused(page) == module, what="the focus is on the closed module")
    widget.get_by_role("button", name="Modules as at first").click()
    until(lambda: spots(widget) == first, what="as at first")


def tells(page: Page, widget: Locator) -> None:
    """A node's record is shown by click, by Enter, and taken away by Escape."""
    widget.get_by_role("button", name="Show all of it (0)").click()
    loss = widget.locator(".tm-node[aria-label^='loss: result']")
    loss.click()
    panel = widget.locator(".tm-panel")
    panel.get_by_text("loss", exact=True).wait_for()
    facts = dict(zip(panel.locator("dt").all_inner_texts(), panel.locator("dd").all_inner_texts(), strict=True))
    assert facts["shape"] == "()"
    assert facts["dtype"] == "float32"
    assert facts["gradient of loss"] == "1"
    assert loss.get_attribute("aria-pressed") == "true"
    loss.focus()
    page.keyboard.press("ArrowUp")
    assert focused(page) != loss.get_attribute("data-id")
    page.keyboard.press("Enter")
    until(lambda: "MeanBackward0" in panel.inner_text(), what="the node above is told")
    page.keyboard.press("Escape")
    until(lambda: "Choose a node" in panel.inner_text(), what="Escape takes it away")
    assert widget.locator(".tm-spot[tabindex='0']").count() == 1
    loss.click()


def moves(page: Page, widget: Locator) -> None:
    """Zoom and pan by buttons, keys, wheel and mouse."""
    stage = widget.locator(".tm-stage")
    widget.get_by_role("button", name="Show all of it (0)").click()
    whole = shown_part(widget)
    widget.get_by_role("button", name="Zoom in (+)").click()
    near = shown_part(widget)
    assert near[2] < whole[2]
    page.keyboard.press("Shift+ArrowRight")
    assert shown_part(widget)[0] > near[0]
    box = stage.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before = shown_part(widget)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 40, steps=4)
    page.mouse.up()
    after = shown_part(widget)
    assert after[0] < before[0]
    assert after[1] < before[1]
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    until(lambda: shown_part(widget)[2] < after[2], what="Ctrl and wheel zoom")
    page.keyboard.press("0")
    until(lambda: shown_part(widget) == whole, what="0 shows all of it")
    page.keyboard.press("0")
    assert not page.locator("dialog, .jp-Dialog").count()  # twice, it would ask whether to restart the kernel


def test_two_fingers_zoom(lab: Server, visitor: Visitor) -> None:
    with visitor.page(width=1000, height=1000, has_touch=True) as page:
        widget = run_all(page, lab)
        whole = shown_part(widget)
        box = widget.locator(".tm-stage").bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + 60
        session = page.context.new_cdp_session(page)
        for kind, gap in (("touchStart", 20), ("touchMove", 40), ("touchMove", 80), ("touchEnd", 0)):
            points = [{"x": x - gap, "y": y, "id": 1}, {"x": x + gap, "y": y, "id": 2}] if gap else []
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        until(lambda: shown_part(widget)[2] < whole[2] * 0.7, what="two fingers zoom in")


@pytest.fixture(scope="module")
def saved(lab: Server, course: Path, browser: Browser) -> str:
    """A notebook with a widget, run and saved, and its kernel ended."""
    name = "saved.ipynb"
    shutil.copy(course / "widget.ipynb", course / name)
    with Visitor(browser, "widget-saved").page() as page:
        widget = run_all(page, lab, name)
        still = page.locator(STILL)
        expect(still).to_be_hidden()
        expect(page.get_by_text(AGAIN)).to_be_hidden()
        Notebook(page).save()
        open_notebook(page, lab, name, "lab")  # while its kernel is there, the widget is, too
        expect(widget).to_be_visible()
        expect(still).to_be_hidden()
        end_kernels(page, lab)
        silent = widget.get_by_role("status")
        expect(silent).to_be_empty()
        widget.get_by_role("button", name="Close all modules").click()
        expect(silent).to_contain_text("run the cell again")
        Visitor(browser, "widget-saved").shot(page, "silent")
    return name


def end_kernels(page: Page, server: Server) -> None:
    for session in page.request.get(server.at("api/sessions")).json():
        page.request.delete(server.at(f"api/sessions/{session['id']}"))


def below(page: Page) -> Locator:
    """The output below the still picture."""
    return page.locator(f"{STILL} + .jp-OutputArea-child > .jp-OutputArea-output")


def test_what_is_saved_is_the_picture_and_the_widget(saved: str, course: Path) -> None:
    still, live = json.loads((course / saved).read_text(encoding="utf-8"))["cells"][1]["outputs"]
    assert {"text/html", "text/plain"} == set(still["data"])
    assert {"text/html", "text/plain", "application/vnd.jupyter.widget-view+json"} == set(live["data"])
    from nbconvert import HTMLExporter

    html, _ = HTMLExporter().from_filename(str(course / saved))
    assert html.count("<title>Autograd graph of loss") == 1
    assert f"<p>{AGAIN}</p>" in html


@pytest.mark.parametrize(
    ("program", "how"),
    [("lab", "new kernel"), ("lab", "no kernel"), ("notebook", "new kernel"), ("notebook", "shut down")],
)
def test_opened_again_the_picture_is_there_without_its_kernel(
    lab: Server, home: Home, saved: str, visitor: Visitor, program: Program, how: str
) -> None:
    """With a kernel that has not run the cell; opened without one; and, as Notebook always starts one, it is ended."""
    theme: Theme = "dark" if how == "new kernel" else "light"
    home.set_theme(theme)
    with visitor.page(theme) as page:
        if how == "no kernel":
            page.goto(lab.at("lab?reset"))
            page.locator(".jp-DirListing-item", has_text=saved).click(button="right")
            page.locator(".lm-Menu-item", has_text="Open With").hover()
            page.locator(".lm-Menu-item", has_text="Notebook (no kernel)").click()
            page.locator(".jp-Notebook .cm-content").first.wait_for()
            assert page.request.get(lab.at("api/sessions")).json() == []
        else:
            open_notebook(page, lab, saved, program)
            if how == "shut down":
                end_kernels(page, lab)
        picture = page.locator(f"{STILL} [data-tm-picture] svg")
        expect(picture).to_be_visible()
        expect(page.locator(".tm-widget")).to_have_count(0)
        expect(below(page)).not_to_be_empty()
        if how == "new kernel":
            expect(below(page)).to_have_text("Error displaying widget: model not found")
        said = below(page).evaluate("e => [getComputedStyle(e), getComputedStyle(e, '::after')]"
                                    ".map(s => [s.visibility, s.content])")  # fmt: skip
        assert said == [["hidden", "normal"], ["visible", f'"{AGAIN}"']]
        picture.scroll_into_view_if_needed()
        visitor.shot(page, "1-picture")
        below(page).scroll_into_view_if_needed()
        visitor.shot(page, "2-what-to-do")
        assert violations(page, STILL) == []
        end_kernels(page, lab)
