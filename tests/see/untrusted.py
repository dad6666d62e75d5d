"""What JupyterLab leaves of HTML in a notebook that is not trusted, by the rules of its own sanitizer.

The rules are those of JupyterLab 4's ``Sanitizer`` (package ``@jupyterlab/apputils``), which hands them to the library
``sanitize-html``; a journey in a real JupyterLab shows that this module leaves the same text and the same elements.
Its rules for properties of style are not among them: here a style attribute is dropped, so that nothing hangs on it.
"""

from __future__ import annotations

from bs4 import BeautifulSoup
from bs4.element import Comment, Tag


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


#: Elements that stay.
ELEMENTS = _set(
    "a abbr acronym address area article aside audio b bdi bdo big blockquote br button canvas caption center cite code "
    "col colgroup colspan command data datalist dd del details dfn dir div dl dt em fieldset figcaption figure font "
    "footer form h1 h2 h3 h4 h5 h6 header hgroup hr i img input ins kbd label legend li map mark menu meter nav nobr ol "
    "optgroup option output p pre progress q rowspan s samp section select small source span strike strong sub summary "
    "sup table tbody td textarea tfoot th thead time tr track tt u ul var video wbr"
)
#: Elements that go with the text in them; of others that go, the text stays.
WITH_TEXT = frozenset(("script", "style", "textarea", "option", "noscript"))
#: Attributes that stay on any element.
ATTRIBUTES = _set(
    "class data-jupyter-id dir draggable hidden id inert itemprop itemref itemscope lang spellcheck title translate"
)
#: Attributes that stay without a value; ``hidden`` is not among them.
EMPTY = frozenset(("alt", "open"))
_MORE = {
    "img": _set("align alt border height hspace ismap src usemap vspace width"),
    "details": frozenset(("open",)),
    "table": _set("align bgcolor border cellpadding cellspacing frame rules summary width"),
    **{
        cell: _set("abbr align axis bgcolor char charoff colspan headers height nowrap rowspan scope valign width")
        for cell in ("td", "th")
    },
}


def left_of(html: str) -> BeautifulSoup:
    """The HTML that is left."""
    soup = BeautifulSoup(html, "html.parser")
    for comment in soup.find_all(string=lambda found: isinstance(found, Comment)):
        comment.extract()
    for tag in soup.find_all(True):
        assert isinstance(tag, Tag)
        if tag.decomposed:
            continue
        if tag.name not in ELEMENTS:
            tag.decompose() if tag.name in WITH_TEXT else tag.unwrap()
            continue
        allowed = ATTRIBUTES | _MORE.get(tag.name, frozenset())
        tag.attrs = {name: value for name, value in tag.attrs.items() if name in allowed and (value or name in EMPTY)}
    return soup


def seen_of(soup: BeautifulSoup) -> str:
    """The text that a reader sees of it, a line for each line or row: what is ``hidden`` is left out."""
    for tag in soup.find_all(hidden=True):
        tag.decompose()
    for tag in soup.find_all(["p", "div", "tr", "li", "pre", "summary", "caption", "section", "figure", "table"]):
        tag.append("\n")
    for tag in soup.find_all(["td", "th"]):
        tag.append(" ")
    lines = (" ".join(line.split()) for line in soup.get_text().split("\n"))
    return "\n".join(line for line in lines if line)
