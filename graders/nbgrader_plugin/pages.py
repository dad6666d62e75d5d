"""Feedback pages again and again: the same bytes as from :class:`FeedbackExporter`, with what recurs done once.

Most cells of a course's notebooks are the instructor's, the same for everybody. Their highlighting and markdown are
remembered; and so is what becomes of them in nbconvert's last step, which parses the whole page and writes it anew.
"""

from __future__ import annotations

import functools
import json
import re
import secrets
from collections.abc import Callable
from typing import Any

from bs4 import BeautifulSoup
from nbconvert.exporters.templateexporter import TemplateExporter
from nbformat.notebooknode import NotebookNode

from graders.nbgrader_plugin.harmless import FeedbackExporter, HarmlessCells, harmless_html
from graders.nbgrader_plugin.plain_html import normal

try:  # as nbconvert does
    from jinja2 import pass_context
except ImportError:  # pragma: no cover
    from jinja2 import contextfilter as pass_context  # type: ignore[attr-defined, no-redef]

_KEPT = 2000
_LONGEST_KEPT = 100_000
_CELL = re.compile(r"(?=<div (?:id=\"[^\"<>]*\" ?)?class=\"cell border-box-sizing )")
_END_TAG = re.compile(r"</\s*([a-zA-Z][^\s/>]*)")
#: What nbconvert looks for in a page, or what its parser treats in a way that reaches beyond a cell.
_STAYS = re.compile(
    r"<img|jp-(?:Notebook|Cell|OutputArea)|<!|<\?|</\s*(?:area|base|br|col|embed|hr|input|link|meta|param|source|track|wbr"
    r"|script|textarea|title|iframe|xmp|noembed|noframes|plaintext|noscript)\b",
    re.IGNORECASE,
)
_ANYWHERE = "torchmagic-here"


class _InPieces(TemplateExporter):  # type: ignore[misc]
    """Stands between nbconvert's two steps, rendering a page and parsing it: takes cells out that are known to stay
    within themselves, and leaves a mark in the place of each."""

    parsed: Callable[[str], str | None]
    taken_out: dict[str, str]

    def from_notebook_node(self, nb: NotebookNode, *args: Any, **kwargs: Any) -> tuple[str, dict[str, Any]]:
        page, resources = super().from_notebook_node(nb, *args, **kwargs)
        self.taken_out = {}
        first, *cells = _CELL.split(page)
        if not cells or first.lower().count("<pre") != first.lower().count("</pre"):
            return page, resources
        token = secrets.token_hex(16)
        kept = [first]
        for number, cell in enumerate(cells[:-1]):
            parsed = None if _STAYS.search(cell) else self.parsed(cell)
            mark = f"<{_ANYWHERE}-{token}-{number}></{_ANYWHERE}-{token}-{number}>"
            if parsed is not None:
                self.taken_out[mark] = parsed
            kept.append(cell if parsed is None else mark)
        return "".join([*kept, cells[-1]]), resources


class RepeatedExporter(FeedbackExporter, _InPieces):
    """For many notebooks one after the other: gives what :class:`FeedbackExporter` gives."""

    def __init__(self, **kwargs: Any) -> None:
        self._highlighted: dict[object, Callable[..., Any]] = {}
        self.parsed = remembering(_parsed)
        self._markdown = remembering(self._rendered)
        super().__init__(optimistic_validation=True, **kwargs)

    def from_notebook_node(self, nb: NotebookNode, *args: Any, **kwargs: Any) -> tuple[str, dict[str, Any]]:
        """One page."""
        language = nb.metadata.get("language_info", {})
        self._language = language.get("pygments_lexer", language.get("name"))
        page, resources = super().from_notebook_node(nb, *args, **kwargs)
        for mark, cell in self.taken_out.items():
            page = page.replace(mark, cell, 1)
        return page, resources

    def register_filter(self, name: str, jinja_filter: Any) -> Any:
        """As nbconvert's, but the filter that highlights code remembers what it gave."""
        if name == "highlight_code":
            known = self._highlighted.setdefault(self._language, remembering_highlights(jinja_filter))
            jinja_filter = known
        return super().register_filter(name, jinja_filter)

    @pass_context
    def markdown2html(self, context: Any, source: str) -> str:
        """As nbconvert's, but remembers what it gave for texts that no image is put into."""
        if context.get("cell", {}).get("attachments") or self.embed_images:
            return str(super().markdown2html(context, source))
        return str(self._markdown(source))

    def _rendered(self, source: str) -> str:
        return str(super().markdown2html({}, source))


class RepeatedHarmless(HarmlessCells):
    """For many notebooks one after the other: gives what :class:`HarmlessCells` gives."""

    def __init__(self, **kwargs: Any) -> None:
        self.harmless = remembering(harmless_html)
        super().__init__(**kwargs)


def remembering(find: Callable[..., Any]) -> Callable[..., Any]:
    """A pure function of texts that remembers what it gave for the last ones, unless they are long.

    >>> remembering(str.upper)("a")
    'A'
    """
    known = functools.lru_cache(maxsize=_KEPT)(find)
    return lambda text, *more: known(text, *more) if len(text) <= _LONGEST_KEPT else find(text, *more)


def remembering_highlights(highlight: Callable[..., str]) -> Callable[..., str]:
    """nbconvert's filter ``highlight_code``, which remembers."""
    known = remembering(lambda source, language, metadata: highlight(source, language, json.loads(metadata)))

    def call(source: str, language: str | None = None, metadata: Any = None) -> str:
        told = {name: value for name, value in (metadata or {}).items() if name != "nbgrader"}  # scores colour nothing
        return str(known(str(source), language, json.dumps(told, sort_keys=True)))

    return call


def _parsed(cell: str) -> str | None:
    plain = normal(cell)
    return parsed_by_itself(cell) if plain is None else plain


def parsed_by_itself(cell: str) -> str | None:
    """What parsing a page and writing it again makes of a part of it; None where that depends on the page around it.

    >>> parsed_by_itself('<p>a<br>\\n  \\n<b>c</b></p>')
    '<p>a<br/>\\n<b>c</b></p>'
    >>> parsed_by_itself("<p>never closed"), parsed_by_itself("<p>closed twice</p></p>")
    (None, None)
    """
    # an end tag without a start would close one of these, were it one of the page around it
    around = sorted({name.lower() for name in _END_TAG.findall(cell)} - {"pre", "style"})
    before = "".join(f"<{name}>" for name in around)
    after = "".join(f"</{name}>" for name in reversed(around))
    inner, end = f"{_ANYWHERE}-in", f"{_ANYWHERE}-end"
    soup = BeautifulSoup(f"{before}<{inner}>{cell}<{end}></{end}></{inner}>{after}", features="html.parser")
    last, place = soup.find(end), soup.find(inner)
    if last is None or place is None or last.parent is not place or len(list(place.parents)) != len(around) + 1:
        return None
    last.extract()
    return str(place.decode_contents())
