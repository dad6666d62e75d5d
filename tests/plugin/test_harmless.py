"""Pages that graders open hold nothing that runs; what this project itself shows stays as it is. Browsers try it in tests/e2e."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from bs4 import BeautifulSoup
from hypothesis import example, given
from hypothesis import strategies as st
from nbconvert.exporters import HTMLExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from traitlets.config import Config

from graders.checks import CheckFailed, check_tensor
from graders.failure_view import comparison_of
from graders.nbgrader_plugin import configure
from graders.nbgrader_plugin.harmless import FeedbackExporter, harmless_html
from torchmagic import inspect, trace

#: As a browser reads a tag: a name, then attributes, of which one is an event's handler.
_HANDLER = re.compile(r"<[a-zA-Z][^>]*[\s/\"']on[a-z]+\s*=", re.IGNORECASE)
PIECES = (
    *("<script>x()</script>", "<img src=x onerror=x()>", "<svg onload=x()>", "<svg><style>", "</style></svg>", "<!--", "-->"),
    *("<![CDATA[>", "]]>", "<!-->", "<title>", "</title>", "<textarea>", "</textarea>", "<math><mtext><mglyph><style>", "<table>"),
    *("<noscript>", "</noscript>", "<p title='<img src=x onerror=x()>'>", "<a href=' java\tscript:x()'>", "<?x", "<!DOCTYPE x [", "text"),
    *("<set attributeName=onload to=x()>", '<b"onclick=x()>', "<xmp>", "</xmp>", "<template>", "<plaintext>", "<b/onclick=x()>"),
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
@example("<!--<a href=' java\tscript:x()'>")  # a comment without an end is text
@example("<svg onload=x()><title><noscript>")  # a title of a picture becomes text, and what it held is gone
def test_no_handler_script_or_address_that_runs_is_left(html: str) -> None:
    kept = harmless_html(html)
    outside_texts = re.sub(r'="[^"]*"', '=""', kept)  # what stands in an attribute is no tag
    assert not _HANDLER.search(outside_texts), kept
    assert not re.search(r"<(?:script|iframe|set|!|\?)", outside_texts, re.IGNORECASE), kept
    assert not re.search(r'(?:href|src|action|data)\s*=\s*"[^"]*script:', kept, re.IGNORECASE), kept
    assert harmless_html(kept) == kept, "twice is as good as once"


def _card() -> str:
    with pytest.raises(CheckFailed) as caught:
        check_tensor(torch.ones(2, 2), "answer", values=[[1.0, 2.0], [1.0, 1.0]])
    return str(comparison_of(caught.value)._repr_mimebundle_(None, None)["text/html"])  # type: ignore[union-attr]


def _graph() -> str:
    w = torch.tensor(3.0, requires_grad=True)
    return str(trace((w * 2 - 1) ** 2)._repr_mimebundle_(None, None)["text/html"])


def _table() -> str:
    return str(inspect(torch.ones(2, 3))._repr_mimebundle_(None, None)["text/html"])


@pytest.mark.parametrize("show", [_card, _graph, _table])
def test_our_own_pictures_stay(show: Any) -> None:
    before, after = BeautifulSoup(show(), "html.parser"), BeautifulSoup(harmless_html(show()), "html.parser")
    assert [tag.name for tag in after.find_all(True)] == [tag.name for tag in before.find_all(True)]
    assert after.get_text() == before.get_text()
    assert after == before


def _page(exporter: type[HTMLExporter], config: Config) -> str:
    attack = "<img src=x onerror=x()>"
    shown = new_output(
        "display_data",
        data={"text/html": attack, "image/png": "!", "application/javascript": "run_me()"},
        metadata={"image/png": {"width": "1 onerror=x()", "height": 5}},
    )
    markdown = new_output("display_data", data={"text/markdown": attack})
    picture = new_output("display_data", data={"image/png": "!"}, metadata={"width": "1 onerror=x()", "height": 7})
    cells = [new_markdown_cell(f"$a < b$ and {attack}"), new_code_cell("1", outputs=[shown, markdown, picture])]
    page, _ = exporter(config=config, template_name="classic").from_notebook_node(new_notebook(cells=cells))
    return str(page)


def test_formgraders_exporter_shows_nothing_that_runs_with_the_one_line() -> None:
    config = Config()
    assert _page(HTMLExporter, config).count("onerror") >= 3, "the attack works"
    configure(config)
    page = _page(HTMLExporter, config)
    assert "onerror" not in page
    assert "run_me" not in page
    assert "$a &lt; b$" in page
    assert 'height="7"' in page


def test_a_course_s_own_settings_of_the_exporter_count_too() -> None:
    config = Config()
    config.HTMLExporter.preprocessors.append("nbconvert.preprocessors.ClearOutputPreprocessor")
    config.HTMLExporter.filters = {"mine": "builtins.str"}
    configure(config)
    exporter = HTMLExporter(config=config, template_name="classic")
    assert exporter.preprocessors[0] == "nbconvert.preprocessors.ClearOutputPreprocessor"
    assert {"mine", "markdown2html"} <= set(exporter.filters)
    assert FeedbackExporter(config=config).preprocessors == [], "GenerateFeedback has its own"
