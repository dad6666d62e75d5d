"""The graph that one can pan, zoom, open and click on, in JupyterLab; and what is left of it without a kernel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Locator, Page

from tests.e2e.notebooks import wait_for_kernel
from tests.e2e.programs import Home, Server, Theme, Visitor, jupyter, until, violations

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

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


def run_all(page: Page, server: Server) -> Locator:
    """The notebook with all cells run; gives the widget."""
    page.goto(server.at("lab/tree/widget.ipynb?reset"))
    page.locator(".jp-Notebook .cm-content").first.wait_for()
    wait_for_kernel(page, server, "widget.ipynb")
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


def test_a_saved_notebook_shows_the_still_picture_without_a_kernel(lab: Server, course: Path, visitor: Visitor) -> None:
    path = course / "widget.ipynb"
    with visitor.page() as page:
        run_all(page, lab)
        page.keyboard.press("Control+s")
        until(lambda: "widget-view" in path.read_text(encoding="utf-8"), what="the notebook is saved")
    (output,) = json.loads(path.read_text(encoding="utf-8"))["cells"][1]["outputs"]
    assert {"text/html", "text/plain", "application/vnd.jupyter.widget-view+json"} == set(output["data"])
    assert "<svg" in "".join(output["data"]["text/html"])
    from nbconvert import HTMLExporter

    html, _ = HTMLExporter().from_filename(str(path))
    assert "Autograd graph of loss" in html
