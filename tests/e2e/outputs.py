"""Our outputs on a page, and what is wrong with how they look: cut off, out of the keys' reach, too faint to read."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, Page

OURS = ".jp-RenderedHTML:has(.tm-seen, .tm-graph, section[role=note])"

#: What is cut off: in an output of ours, anything that reaches over its edge and cannot be scrolled into view.
CUT_OFF = """outputs => outputs.flatMap(output => {
  const scrolled = each => { for (let e = each; e && e !== output; e = e.parentElement)
    if (/auto|scroll/.test(getComputedStyle(e).overflowX)) return true; return false; };
  const edge = output.getBoundingClientRect();
  return [...output.querySelectorAll('*')].filter(each => {
    const box = each.getBoundingClientRect();
    return box.width && (box.right > edge.right + 2 || box.left < edge.left - 2) && !scrolled(each.parentElement);
  }).map(each => each.outerHTML.slice(0, 120));
})"""
#: What needs scrolling and no key reaches.
OUT_OF_REACH = """outputs => outputs.flatMap(output => [...output.querySelectorAll('*')].filter(each =>
  /auto|scroll/.test(getComputedStyle(each).overflowX) && each.scrollWidth > each.clientWidth
  && !each.querySelector('[tabindex="0"]')).map(each => each.outerHTML.slice(0, 120)))"""
#: The text in pictures that stands out from what is behind it by less than WCAG asks for (4.5 : 1).
FAINT = """outputs => {
  const channel = v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; };
  const light = c => .2126 * channel(c[0]) + .7152 * channel(c[1]) + .0722 * channel(c[2]);
  const parts = text => { const n = text.match(/[\\d.]+/g).map(Number); return n.length > 3 ? n : [...n, 1]; };
  const over = (front, back) => front.slice(0, 3).map((v, i) => v * front[3] + back[i] * (1 - front[3]));
  return outputs.flatMap(output => {
    let back = [255, 255, 255];
    const behind = [];
    for (let e = output; e; e = e.parentElement) behind.unshift(getComputedStyle(e).backgroundColor);
    for (const each of behind) back = over(parts(each), back);
    return [...output.querySelectorAll('svg text')].filter(text => {
      const ink = light(over(parts(getComputedStyle(text).fill), back)), page = light(back);
      return (Math.max(ink, page) + .05) / (Math.min(ink, page) + .05) < 4.5;
    }).map(text => text.textContent);
  });
}"""


def ours(page: Page) -> list[Locator]:
    """All outputs of ours, from the top."""
    return page.locator(OURS).all()


def told(page: Page, script: str) -> Any:
    """What one of the scripts finds in them: pieces of HTML or text, none where all is well."""
    return page.locator(OURS).evaluate_all(script)
