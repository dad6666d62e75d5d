"""The page as a browser draws it: nothing is cut off at 400 px, and every word can be read, light and dark."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from typing import Any

import pytest

from graders.reporting.facts import gather
from graders.reporting.page import report_html
from tests.see.test_graph_browser import BROWSERS

from .test_page import CLASSES, EVIL, class_of, small, student

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

MEASURE = """
document.querySelectorAll('details').forEach(each => each.open = true);
const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
const channel = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
const light = c => .2126 * channel(c[0]) + .7152 * channel(c[1]) + .0722 * channel(c[2]);
const colour = text => text.match(/[\\d.]+/g).map(Number);
const page = colour(getComputedStyle(document.documentElement).backgroundColor);
const behind = each => { for (; each; each = each.parentElement) {
  const c = colour(getComputedStyle(each).backgroundColor); if (c.length < 4 || c[3] > .99) return c; } return page; };
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), faint = [], seen = new Set();
let texts = 0;
for (let node; node = walker.nextNode();) {
  const each = node.parentElement;
  if (!node.textContent.trim() || each.closest('title, desc, style, script') || !each.getClientRects().length) continue;
  texts += 1;
  const style = getComputedStyle(each);
  const [a, b] = [light(colour(each.closest('svg') ? style.fill : style.color)), light(behind(each))].sort((x, y) => y - x);
  if ((a + .05) / (b + .05) < 4.5) faint.push([node.textContent.trim().slice(0, 40), (a + .05) / (b + .05)]);
}
const cut = [...document.querySelectorAll('svg.histogram text')].filter(t => {
  const b = t.getBBox(); return b.x < 0 || b.y < -1 || b.x + b.width > 440 || b.y + b.height > 231; }).map(t => t.textContent);
document.body.innerHTML = '<pre id=found></pre>';
document.getElementById('found').textContent = JSON.stringify({wide, faint, cut, texts, page});
"""


HOSTILE = class_of(*(student(who, ("failed", f"CheckFailed: {who}", "")) for who in EVIL))
PAGES = {"small": small(), "similar": CLASSES["similar"], "hostile": HOSTILE}
PAPER = {"light": [255, 255, 255], "dark": [20, 23, 27]}
FAULTY = '<p style="color:#888;background:#999;width:900px">faint</p></main>'

#: What a browser found on each page.
Found = dict[str, dict[str, Any]]


@pytest.fixture(scope="module", params=PAPER)
def measured(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Found]:
    """Each page in a frame of 400 px, and one that has faults, all in one start of a browser; and the scheme."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("no browser")
    folder = tmp_path_factory.mktemp(request.param)
    pages = {name: report_html(gather(results)) for name, results in PAGES.items()}
    pages["faulty"] = pages["small"].replace("</main>", FAULTY)
    for name, html in pages.items():
        without = re.sub(
            r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html
        )  # which forbids this script, too
        inner = without.replace("</body>", f"<script>{MEASURE}</script></body>")
        (folder / f"{name}.html").write_text(inner, encoding="utf-8")
    frames = "".join(f"<iframe id={name} style='border:0;width:400px;height:900px'></iframe>" for name in pages)
    script = f"""
    const found = {{}}, names = {json.dumps(list(pages))};
    for (const name of names) {{
      const frame = document.getElementById(name);
      frame.onload = () => {{
        found[name] = JSON.parse(frame.contentDocument.getElementById('found').textContent);
        if (Object.keys(found).length == names.length) document.getElementById('all').textContent = JSON.stringify(found);
      }};
      frame.src = name + '.html';
    }}"""
    page = folder / "frames.html"
    page.write_text(f"<!doctype html><body>{frames}<pre id=all></pre><script>{script}</script>", encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]
    command += [f"--blink-settings=preferredColorScheme={int(request.param == 'light')}", "--virtual-time-budget=9000"]
    command += ["--window-size=1000,1000", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    match = re.search(r'<pre id="all">(.+?)</pre>', done.stdout, re.DOTALL)
    assert match is not None, done.stdout[-2000:]
    return request.param, json.loads(unescape(match[1]))


@pytest.mark.parametrize("name", PAGES)
def test_everything_can_be_read_at_400_px(name: str, measured: tuple[str, Found]) -> None:
    scheme, found = measured
    page = found[name]
    assert page["page"] == PAPER[scheme]
    assert page["texts"] > 80
    assert (page["wide"], page["faint"], page["cut"]) == (0, [], [])


def test_the_measure_sees_what_is_wrong(measured: tuple[str, Found]) -> None:
    page = measured[1]["faulty"]
    assert page["wide"] > 100
    assert [words for words, _ in page["faint"]] == ["faint"]
