"""Pictures of graphs as a browser draws them: no words over others or cut off, and nothing wider than the page."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest

from tests.see.graph_models import MODELS
from tests.see.test_graph_render import STORED, stored
from torchmagic.render.graph_html import graph_html
from torchmagic.render.graph_look import Look

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MEASURE = """
const found = [];
for (const figure of document.querySelectorAll('section')) {
  const svg = figure.querySelector('svg[role=img][viewBox]');
  const name = figure.id, view = svg.viewBox.baseVal;
  const boxes = [...svg.querySelectorAll('text')].map(t => {
    const b = t.getBBox();  // the line box: what is inked is a little less
    return [b.x, b.y + b.height * .2, b.x + b.width, b.y + b.height * .85, t.textContent];
  });
  for (const [i, a] of boxes.entries()) {
    if (a[0] < 0 || a[1] < 0 || a[2] > view.width || a[3] > view.height) found.push([name, 'clipped', a[4]]);
    for (const b of boxes.slice(i + 1))
      if (a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]) found.push([name, 'over', a[4], b[4]]);
  }
  for (const shape of svg.querySelectorAll('rect,path')) {
    const b = shape.getBBox();
    if (b.x < -1 || b.y < -1 || b.x + b.width > view.width + 1 || b.y + b.height > view.height + 1)
      found.push([name, 'outside', shape.outerHTML.slice(0, 90)]);
  }
  const inner = svg.getBoundingClientRect();
  if (inner.width / view.width < .69) found.push([name, 'too small', inner.width / view.width]);
  found.push([name, 'texts', boxes.length]);
}
if (document.documentElement.scrollWidth > innerWidth) found.push(['page', 'wide', document.documentElement.scrollWidth]);
document.body.innerHTML = '<pre id=found></pre>';
document.getElementById('found').textContent = JSON.stringify(found);
"""


def measured(page: Path) -> list[list[object]]:
    """What the browser found on a page that is 700 px wide."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("no browser")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=700,1000", "--dump-dom", page.as_uri()]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found is not None, done.stdout[-2000:]
    result: list[list[object]] = json.loads(unescape(found[1]))
    return result


def page_of(figures: dict[str, str], path: Path, script: str = MEASURE) -> Path:
    sections = "".join(f'<section id="{name}">{html}</section>' for name, html in figures.items())
    page = f'<!doctype html><meta charset="utf-8"><body style="margin:8px">{sections}<script>{script}</script>'
    path.write_text(page, encoding="utf-8")
    return path


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.parametrize(
    "look", [Look(), Look(depth=1), Look(depth=3, theme="dark"), Look(expand=("*",))], ids=["default", "1", "3", "all"]
)
def test_no_words_overlap_or_are_cut_off(look: Look, tmp_path: Path) -> None:
    figures = {name: graph_html(stored(name), look) for name in STORED if name != "chain"}
    found = measured(page_of(figures, tmp_path / "page.html"))
    counted = {str(each[0]): each[2] for each in found if each[1] == "texts"}
    assert set(counted) == set(figures)
    assert all(isinstance(count, int) and count > 1 for count in counted.values())
    assert [each for each in found if each[1] != "texts"] == []


@pytest.mark.e2e
@pytest.mark.slow
def test_the_measure_sees_what_is_wrong(tmp_path: Path) -> None:
    svg = '<svg role="img" viewBox="0 0 100 50" width="100" height="50">{}</svg>'
    bad = svg.format('<text x="10" y="20">one</text><text x="12" y="22">two</text><text x="90" y="40">three</text>')
    wide = svg.format('<rect x="0" y="0" width="200" height="5"/>') + '<div style="width:900px">x</div>'
    found = measured(page_of({"bad": bad, "wide": wide}, tmp_path / "page.html"))
    assert {str(each[1]) for each in found} == {"over", "clipped", "outside", "wide", "texts"}


def test_two_figures_on_a_page_share_no_id() -> None:
    html = graph_html(MODELS["everything"]) * 2
    assert not re.search(r"\bid=|url\(|xlink|<script", html)
