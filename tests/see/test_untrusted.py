"""In a notebook that nobody trusts our outputs lose their style and pictures, and are still there to read."""

from __future__ import annotations

import re

import pytest
from bs4 import BeautifulSoup

from graders.nbgrader_plugin.harmless import harmless_html
from tests.see.test_explain_render import RECORDS as EXPLANATIONS
from tests.see.test_graph_render import MODELS
from tests.see.test_tensor_render import MODEL, WHOLE
from tests.see.untrusted import left_of, seen_of
from torchmagic.graph_records import GraphRecord
from torchmagic.records import Comparison, Histogram, Inspection, Picture, TensorRecord
from torchmagic.shown import Shown

_SIDE = TensorRecord("expected", "Tensor", (1, 2), "float32", "cpu")
_PICTURED = TensorRecord(
    "image", "Tensor", (8, 8), "float32", "cpu", value_text="[[0.5, 0.25]]", nbytes=256,
    histogram=Histogram(-1.0, 1.0, (1, 5, 2)), picture=Picture("heatmap", 2, 2, (0, 90, 180, 255), 0.0, 1.0),
)  # fmt: skip
SHOWN: dict[str, Shown] = {
    "inspection": WHOLE,
    "module": Inspection(groups=(MODEL,)),
    "pictures": _PICTURED,
    "comparison": Comparison(
        _SIDE, TensorRecord("y", "Tensor", (1, 2), "float32", "cpu"), (("1", "2"),), (("1", "3"),), ((0, 1),), 1
    ),
    **{f"explanation-{name}": record for name, record in EXPLANATIONS.items()},
    **{f"graph-{name}": record for name, record in MODELS.items()},
}


def html_of(record: Shown) -> str:
    """What a notebook stores."""
    return record._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize("name", SHOWN)
def test_nothing_in_our_outputs_runs_or_loads(name: str) -> None:
    soup = BeautifulSoup(html_of(SHOWN[name]), "html.parser")
    assert not soup.find_all(["script", "iframe", "object", "embed", "link", "meta", "base", "form", "foreignobject"])
    for tag in soup.find_all(True):
        for attribute, value in tag.attrs.items():
            assert not attribute.lower().startswith("on"), tag
            assert attribute not in ("href", "xlink:href", "srcdoc", "action"), tag
            assert attribute != "src" or str(value).startswith("data:image/png;"), tag
            assert "url(" not in str(value).replace("url(#", ""), tag


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_left_reads_well(name: str) -> None:
    """No text of a picture runs on between the words, and a graph's lines are there in its place."""
    record = SHOWN[name]
    seen = seen_of(left_of(html_of(record)))
    assert seen
    assert not re.search(r"\w(?:Histogram|Heatmap|Autograd graph)", seen)
    if isinstance(record, GraphRecord) and record.nodes:
        lines = [" ".join(line.split()) for line in record.to_text(80).split("\n") if line.strip()]
        first = (
            next(n for n, line in enumerate(lines) if line.startswith(("Leaves:", "note:", "Kept", "Operations as")))
            if any(line.startswith(("Leaves:", "note:", "Kept", "Operations as")) for line in lines)
            else len(lines)
        )
        assert "\n".join(lines[:first]) in seen
        assert seen.count("Autograd graph") == 1


def test_tables_stay_tables() -> None:
    left = left_of(html_of(WHOLE))
    assert [th.get_text() for th in left.find_all("th", scope="col")][:3] == ["tensor", "shape", "dtype"]
    assert left_of(html_of(SHOWN["pictures"])).find("img")["src"].startswith("data:image/png")


def test_a_value_that_differs_is_marked_without_style() -> None:
    left = left_of(html_of(SHOWN["comparison"]))
    assert [strong.get_text() for td in left.find_all("td") for strong in td.find_all("strong")] == ["3"]


def test_style_of_a_trusted_output_beside_it_does_not_hide_the_text() -> None:
    """The sheet hides by an attribute that a sanitizer takes away: it reaches trusted outputs alone."""
    html = html_of(SHOWN["graph-everything"])
    sheet = "".join(style.get_text() for style in BeautifulSoup(html, "html.parser").find_all("style"))
    assert "[data-tm-text]{display:none}" in sheet
    assert not left_of(html).find_all(attrs={"data-tm-text": True})
    assert not re.search(r"\.tm-[\w-]+[^{}]*\{[^}]*display:none", sheet)


def test_a_feedback_page_keeps_the_picture() -> None:
    """Its sanitizer takes away what runs, and no style."""
    soup = BeautifulSoup(harmless_html(html_of(SHOWN["graph-everything"])), "html.parser")
    assert soup.find(attrs={"data-tm-picture": True}).find("svg") is not None
    sheet = "".join(str(style.string) for style in soup.find_all("style"))
    assert "[data-tm-picture]{display:block!important}" in sheet
