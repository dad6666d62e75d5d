"""Pages on which nothing of a student's runs: graders open feedback and formgrader in browsers that are logged in."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Any

from bs4 import BeautifulSoup
from bs4.element import PreformattedString, Tag
from nbconvert.exporters import HTMLExporter
from nbconvert.utils.base import NbConvertBase
from nbformat.notebooknode import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import List, Unicode

try:  # as nbconvert does
    from jinja2 import pass_context
except ImportError:  # pragma: no cover
    from jinja2 import contextfilter as pass_context  # type: ignore[attr-defined, no-redef]

_MOVING = ("animate", "animatemotion", "animatetransform", "set")  # they can change an attribute into one that runs
_ACTIVE = (
    "script",
    "iframe",
    "frame",
    "frameset",
    "object",
    "embed",
    "applet",
    "link",
    "meta",
    "base",
    "form",
    *_MOVING,
)
_PAGE = ("html", "head", "body", "title", "plaintext", "textarea", "noscript", "template")
_IN_MARKDOWN = re.compile(rf"<(?=/?\s*(?:{'|'.join((*_ACTIVE, *_PAGE))})\b|!--|!\[CDATA|\?)", re.IGNORECASE)
_NAME = re.compile(r"[a-zA-Z_:][\w:.-]*")
_SKIPPED_IN_URLS = re.compile(r"[\s\x00-\x20]+")
_SCRIPT_URL = re.compile(r"(?:java|vb)script:|data:(?!image/)", re.IGNORECASE)
_INLINE = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)
_SOURCES = re.compile(r"<script[^>]*\bsrc=\"(https://[^\"/]+)", re.IGNORECASE)
_HTML = ("text/html", "image/svg+xml")


def harmless_html(text: str) -> str:
    """A piece of HTML as a whole piece: every tag closed, and nothing in it that runs or leads elsewhere by itself.

    >>> harmless_html('<b onclick="x()">bold<script>alert(1)</script></div></body>')
    '<b>bold</b>'
    >>> harmless_html('<svg viewBox="0 0 1 1"><path d="M0 0"/></svg>')
    '<svg viewbox="0 0 1 1"><path d="M0 0"></path></svg>'
    >>> harmless_html("<title>a</title><svg><title>b<script>c</script></title></svg>")
    'a<svg><title>b</title></svg>'

    What browsers read otherwise than this parser does is not left to stand as it is:

    >>> harmless_html("<svg><style>p {} <img onerror=x()></style></svg><![CDATA[><img onerror=x()>]]>")
    '<svg><style>p {} img onerror=x()></style></svg>'
    """
    soup = BeautifulSoup(text, "html.parser")
    for special in soup.find_all(string=lambda found: isinstance(found, PreformattedString)):
        special.extract()  # comments, declarations, CDATA
    for style in soup.find_all("style"):
        style.string = style.get_text().replace("<", "")  # within a picture, a browser looks for tags there
    for tag in soup.find_all([*_ACTIVE, *_MOVING, *_PAGE]):
        if tag.decomposed or tag.parent is None:
            continue  # gone, with what it was in
        if tag.name == "title" and tag.find_parent("svg"):
            tag.string = tag.get_text()  # what a screen reader says of a picture
        else:
            tag.unwrap() if tag.name in _PAGE else tag.decompose()
    for tag in soup.find_all(True):
        if isinstance(tag, Tag):
            for name in [name for name, value in tag.attrs.items() if _runs(name, value)]:
                del tag.attrs[name]
            if not _NAME.fullmatch(tag.name):
                tag.unwrap()
    return str(soup)


def _runs(name: str, value: Any) -> bool:
    if not _NAME.fullmatch(name) or name.lower().startswith("on") or name.lower() == "srcdoc":
        return True
    text = value if isinstance(value, str) else " ".join(value)
    return bool(_SCRIPT_URL.match(_SKIPPED_IN_URLS.sub("", text)))


def harmless_markdown(text: str) -> str:
    """Markdown in which raw HTML that would run, or end the page, is shown as text.

    >>> harmless_markdown("a < b, <b>bold</b>, <script>alert(1)</script>")
    'a < b, <b>bold</b>, &lt;script>alert(1)&lt;/script>'
    """
    shown = _IN_MARKDOWN.sub("&lt;", text)
    if shown.lower().count("</div") > shown.lower().count("<div"):
        shown = re.sub(r"</(?=div)", "&lt;/", shown, flags=re.IGNORECASE)
    return shown


class HarmlessCells(NbGraderPreprocessor):  # type: ignore[misc]
    """On the way into a page: nothing of the notebook's runs there."""

    display_data_priority = List(Unicode()).tag(config=True)  # what nbgrader takes away, traitlets would warn of
    harmless: Callable[[str], str] = staticmethod(harmless_html)

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Change texts and outputs of one notebook."""
        nb.metadata.pop("widgets", None)  # pictures of widgets need a program to be drawn
        for cell in nb.cells:
            if cell.cell_type != "code":
                cell.source = harmless_markdown(cell.source)
                continue
            for output in cell.outputs:
                for kind in _HTML:
                    if kind in output.get("data", {}):
                        text = output.data[kind]
                        output.data[kind] = self.harmless("".join(text) if isinstance(text, list) else str(text))
                output.get("data", {}).pop("application/javascript", None)
                if "metadata" in output:
                    output.metadata = _sizes(output.metadata)
        return nb, resources


def _sizes(metadata: Any) -> NotebookNode:
    """Of an output's metadata the sizes of its pictures: nbconvert writes them into a tag as they are.

    >>> _sizes({"width": 5, "image/png": {"height": 7, "width": "1 onerror=x()"}, "isolated": True})
    {'width': 5, 'image/png': {'height': 7}}
    """
    kept = NotebookNode()
    for name, value in metadata.items() if isinstance(metadata, dict) else ():
        if isinstance(value, dict):
            kept[name] = _sizes(value)
        elif name in ("width", "height") and isinstance(value, int | float):
            kept[name] = value
    return kept


@pass_context
class HarmlessMarkdown(NbConvertBase):  # type: ignore[misc]
    """nbconvert's filter ``markdown2html`` for pages without a policy, as formgrader's are: nothing in it runs."""

    def __call__(self, context: Any, source: str) -> str:
        """The HTML of a markdown cell or output."""
        return harmless_html(str(self.parent.markdown2html(context, source)))


class FeedbackExporter(HTMLExporter):  # type: ignore[misc]
    """nbgrader's page, with a policy by which browsers run its own scripts and no others."""

    def from_notebook_node(self, nb: NotebookNode, *args: Any, **kwargs: Any) -> tuple[str, dict[str, Any]]:
        """One page."""
        page, resources = super().from_notebook_node(nb, *args, **kwargs)
        return with_policy(page), resources


def with_policy(page: str) -> str:
    """A page with a content security policy: the scripts in its head, which a student has no part in, may run.

    >>> with_policy("<head><title>x</title></head><body></body>")[:62]
    '<head><meta http-equiv="Content-Security-Policy" content="scri'
    """
    head, end, rest = page.partition("</head>")
    opening = re.search(r"<head[^>]*>", head, re.IGNORECASE)
    if not end or opening is None:
        return page
    hashes = [hashlib.sha256(script.encode()).digest() for script in _INLINE.findall(head)]
    allowed = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in hashes]
    sources = sorted(set(_SOURCES.findall(head)))
    rules = (
        f"script-src {' '.join([*allowed, *sources]) or chr(39) + 'none' + chr(39)}; object-src 'none'; base-uri 'none'"
    )
    meta = f'<meta http-equiv="Content-Security-Policy" content="{rules}">'
    return head[: opening.end()] + meta + head[opening.end() :] + end + rest
