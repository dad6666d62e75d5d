"""Feedback pages on which nothing of a student's runs: graders open them, in browsers that may be logged in."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Any

from bs4 import BeautifulSoup
from bs4.element import Comment, Tag
from nbconvert.exporters import HTMLExporter
from nbformat.notebooknode import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor

_ACTIVE = ("script", "iframe", "frame", "frameset", "object", "embed", "applet", "link", "meta", "base", "form")
_PAGE = ("html", "head", "body", "title", "plaintext", "textarea", "noscript", "template")
_IN_MARKDOWN = re.compile(rf"<(?=/?\s*(?:{'|'.join((*_ACTIVE, *_PAGE))})\b|!--|!\[CDATA|\?)", re.IGNORECASE)
_SCRIPT_URL = re.compile(r"^[\s\x00-\x20]*(?:java|vb)script:|^[\s\x00-\x20]*data:(?!image/)", re.IGNORECASE)
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
    """
    soup = BeautifulSoup(text, "html.parser")
    for comment in soup.find_all(string=lambda found: isinstance(found, Comment)):
        comment.extract()
    for tag in soup.find_all([*_ACTIVE, *_PAGE]):
        if tag.name == "title" and tag.find_parent("svg"):
            tag.string = tag.get_text()  # what a screen reader says of a picture
        else:
            tag.decompose() if tag.name in _ACTIVE else tag.unwrap()
    for tag in soup.find_all(True):
        if isinstance(tag, Tag):
            for name in [name for name, value in tag.attrs.items() if _runs(name, value)]:
                del tag.attrs[name]
    return str(soup)


def _runs(name: str, value: Any) -> bool:
    return name.lower().startswith("on") or name.lower() == "srcdoc" or bool(_SCRIPT_URL.match(str(value)))


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
    """On the way into the feedback page: nothing of the notebook's runs there."""

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
        return nb, resources


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
