"""Journey: a notebook with our outputs comes from somebody else, and is opened in JupyterLab, which does not trust it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tests.e2e.programs import Home, Visitor, jupyter, until
from tests.see.test_untrusted import SHOWN, html_of
from tests.see.untrusted import left_of

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

_OUTPUT = ".jp-Notebook .jp-OutputArea-output.jp-RenderedHTML"
_FACTS = """nodes => nodes.map(node => ({
    text: node.textContent,
    elements: [...node.querySelectorAll('*')].map(each => each.localName),
    attributes: [...node.querySelectorAll('*')].flatMap(each => each.getAttributeNames()),
    hidden: [...node.querySelectorAll('[hidden]')].map(each => each.getBoundingClientRect().height),
}))"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the notebook: all outputs below one cell, so that the page holds them all."""
    place = tmp_path_factory.mktemp("untrusted")
    outputs = [
        new_output("display_data", data={"text/html": html_of(record), "text/plain": str(record)})
        for record in SHOWN.values()
    ]
    cell = new_code_cell("outputs()", outputs=outputs, execution_count=1)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=[cell], metadata=kernel), place / "sent.ipynb")
    return place


@pytest.fixture(scope="module", params=["lab", "notebook"])
def shown(folder: Path, home: Home, browser: Any, request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """What JupyterLab and Notebook show of each output."""
    visitor = Visitor(browser, f"untrusted-{request.param}")
    with jupyter(request.param, folder, home) as server, visitor.page(height=1400) as page:
        page.goto(server.at({"lab": "lab/tree", "notebook": "notebooks"}[request.param] + "/sent.ipynb"))
        page.wait_for_selector(_OUTPUT)
        until(lambda: page.locator(_OUTPUT).count() == len(SHOWN), 60, "all outputs")
        facts: list[dict[str, Any]] = page.eval_on_selector_all(_OUTPUT, _FACTS)
        for number, name in enumerate(SHOWN):
            element = page.locator(_OUTPUT).nth(number)
            element.scroll_into_view_if_needed()
            visitor.shot(page, name)
        return facts


@pytest.mark.parametrize("name", SHOWN)
def test_jupyterlab_leaves_what_our_rules_leave(shown: list[dict[str, Any]], name: str) -> None:
    """The rules that the quick tests use are JupyterLab's own."""
    facts = shown[list(SHOWN).index(name)]
    expected = left_of(html_of(SHOWN[name]))
    assert "".join(facts["text"].split()) == "".join(expected.get_text().split())
    assert facts["elements"] == [tag.name for tag in expected.find_all(True)]
    attributes = [attribute for tag in expected.find_all(True) for attribute in tag.attrs]
    assert sorted(name for name in facts["attributes"] if name != "style") == sorted(attributes)


@pytest.mark.parametrize("name", [name for name in SHOWN if name.startswith("graph-")])
def test_what_is_left_of_a_picture_is_hidden(shown: list[dict[str, Any]], name: str) -> None:
    facts = shown[list(SHOWN).index(name)]
    assert facts["hidden"] == [0] * html_of(SHOWN[name]).count("<div hidden=")
