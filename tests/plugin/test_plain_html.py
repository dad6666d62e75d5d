"""Pieces of a feedback page that are written without parsing the page: what is not parsed must be what parsing gives."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st

from graders.nbgrader_plugin.pages import parsed_by_itself
from graders.nbgrader_plugin.plain_html import normal

pytestmark = pytest.mark.slow

# fmt: off
_TEXTS = st.sampled_from([
    "\n", "  \n ", " ", "x", "&lt;", "&amp;", "&quot;", "&#39;", "&nbsp;", "&#182;", "&#60;", "&#150;", "&copy;", "a > b",
    "&", "\t\x0c", "\x0b", "\r\n", "é\U0001f600", "&lt", "\xa0", "\x1c", "&#32;", "<br>", "<img src='x'/>", "<!-- -->",
])
# fmt: on
_ATTRIBUTES = st.lists(
    st.sampled_from(
        ['class=" b  a"', 'id="x"', 'style="a: b;  c: d"', 'href="#"', 'class=""', 'rowspan="2"', "hidden"]
    ),
    max_size=3,
).map(lambda found: "".join(f" {each}" for each in found))


def _element(name: str, attributes: str, inner: list[str]) -> str:
    return f"<{name}{attributes}>{''.join(inner)}</{name}>"


_NAMES = st.sampled_from(["p", "div", "pre", "b", "table", "td", "span", "h1", "code", "style", "P", "svg"])
_PIECES = st.recursive(
    _TEXTS, lambda inner: st.builds(_element, _NAMES, _ATTRIBUTES, st.lists(inner, max_size=3)), max_leaves=12
)


@settings(deadline=None, max_examples=300)
@given(_PIECES)
def test_plain_html_is_written_as_a_parser_writes_it(piece: str) -> None:
    """In a page: at the very end of a text the parser takes `&lt` for no entity."""
    page = BeautifulSoup(f"<x-page>{piece}</x-page>", "html.parser").find("x-page")
    assert page is not None
    parsed = page.decode_contents()
    assert normal(piece) in (None, parsed)
    assert parsed_by_itself(piece) in (None, parsed)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.one_of(_PIECES, st.sampled_from(["<b>", "</b>", "</div>", "<pre>", "</pre>", "<!--", "-->"])), max_size=3
    )
)
def test_a_piece_is_taken_out_only_if_the_page_around_it_does_not_matter(parts: list[str]) -> None:
    piece = "".join(parts)
    by_itself = normal(piece) or parsed_by_itself(piece)
    if by_itself is not None and "<!" not in piece and "</br" not in piece:
        page = str(BeautifulSoup(f"<div><b>before</b><p>{piece}<i>after</i></p></div>", "html.parser"))
        assert page == f"<div><b>before</b><p>{by_itself}<i>after</i></p></div>"


def test_most_cells_are_plain() -> None:
    assert normal(
        '<div id="c" class=" highlight hl-python"><pre><span></span><span class="k">if</span>\n</pre></div>'
    ) == ('<div class="highlight hl-python" id="c"><pre><span></span><span class="k">if</span>\n</pre></div>')
