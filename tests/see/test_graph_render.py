"""Pictures and text of graphs from stored records: golden files, escaping, widths, limits."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.golden import GOLDEN, assert_golden
from tests.see.graph_models import LOOKS, MODELS, chain, encoder, records
from torchmagic.graph_records import GraphEdge, GraphNode, GraphRecord
from torchmagic.render.graph_boxes import Box
from torchmagic.render.graph_html import graph_html
from torchmagic.render.graph_look import Look, Theme
from torchmagic.render.graph_svg import fitted, graph_svg
from torchmagic.render.graph_tables import sign_words
from torchmagic.render.graph_text import graph_text
from torchmagic.render.layout import Framed, Layout, place
from torchmagic.render.wrapping import cells

STORED = sorted(
    [*(path.name.removesuffix(".record.json") for path in (GOLDEN / "graph").glob("*.record.json")), *MODELS]
)
SVG = "{http://www.w3.org/2000/svg}"


def stored(name: str) -> GraphRecord:
    """A record as it was saved, or one made by hand."""
    if name in MODELS:
        return MODELS[name]
    data: dict[str, Any] = json.loads((GOLDEN / "graph" / f"{name}.record.json").read_text(encoding="utf-8"))
    return GraphRecord.from_json(json.dumps({"torchmagic": "GraphRecord", **data}))


Words = tuple[float, float, float, str, str]


def words(root: ET.Element) -> Iterator[Words]:
    """Place, size, anchor and text of all words of a picture; size and anchor are inherited."""
    stack: list[tuple[ET.Element, float, str]] = [(root, 12.0, "middle")]
    while stack:
        element, size, anchor = stack.pop()
        size = float(element.get("font-size", size))
        anchor = element.get("text-anchor", anchor)
        if element.tag == f"{SVG}text":
            yield float(element.get("x", "")), float(element.get("y", "")), size, anchor, element.text or ""
        stack += [(child, size, anchor) for child in element]


def test_records_are_stored() -> None:
    assert {"notes", "notes_backward", "regression", "mlp", "hostile", "lstm_cell", "residual"} <= set(STORED)


@pytest.mark.parametrize("name", STORED)
def test_golden(name: str) -> None:
    record = stored(name)
    assert_golden(graph_svg(record) + "\n", f"graph/{name}.svg")
    assert_golden(graph_text(record) + "\n", f"graph/{name}.txt")
    assert_golden(graph_html(record) + "\n", f"graph/{name}.html")


@pytest.mark.parametrize("name", STORED)
def test_a_record_survives_json(name: str) -> None:
    record = stored(name)
    assert json.loads(json.dumps(dataclasses.asdict(record)))["roots"] == list(record.roots)
    assert graph_svg(record) == graph_svg(stored(name))


@pytest.mark.parametrize("name", STORED)
def test_text_fits_eighty_columns(name: str) -> None:
    assert max(cells(line) for line in graph_text(stored(name)).splitlines()) <= 80


@pytest.mark.parametrize("name", STORED)
def test_svg_is_well_formed_and_stands_alone(name: str) -> None:
    svg = graph_svg(stored(name))
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    assert root.find(f"{SVG}title") is not None
    assert root.find(f"{SVG}desc") is not None
    titles = {title.text or "" for title in root.iter(f"{SVG}title")}
    assert all(any(node.label in title for title in titles) for node in stored(name).nodes if node.label.isalnum())
    assert not re.search(r"<script|<style|<image|href|url\(|@import|\bid=", svg)


@pytest.mark.parametrize("name", STORED)
def test_no_label_is_clipped_or_overlaps_another(name: str) -> None:
    root = ET.fromstring(graph_svg(stored(name)))
    width, height = float(root.get("width", "")), float(root.get("height", ""))
    boxes: list[tuple[float, float, float, float]] = []
    for x, y, size, anchor, text in words(root):
        wide = cells(text) * size * 0.6
        left = x if anchor == "start" else x - wide / 2
        boxes.append((left, y - size * 0.75, left + wide, y + size * 0.2))
    assert boxes
    for left, top, right, bottom in boxes:
        assert left >= 0
        assert top >= 0
        assert right <= width
        assert bottom <= height
    for i, one in enumerate(boxes):
        for two in boxes[i + 1 :]:
            apart = one[2] <= two[0] or two[2] <= one[0] or one[3] <= two[1] or two[3] <= one[1]
            assert apart, (one, two)


def test_markup_in_a_name_stays_text() -> None:
    name = "p['<script>alert(1)</script>&\"']"
    nodes = (
        GraphNode(
            "n1", "tensor", name, "leaf", value_text="<b>", grad_text="</svg>", shape=(), grad=1.0, grad_of="<i>"
        ),
        GraphNode("n2", "operation", "<img src=x>", grad_fn="<u>", detail="<s>"),
    )
    record = GraphRecord(nodes, (GraphEdge("n1", "n2"),), ("n1",), True, ("<script>2</script>",))
    html = graph_html(record)
    for tag in ("<script", "<b>", "<img", "<i>", "<u>", "<s>"):
        assert tag not in html
    assert html.count("</svg>") == 1
    assert "&lt;script&gt;2" in html
    ET.fromstring(graph_svg(record))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_gives_a_well_formed_picture(name: str, value: str) -> None:
    node = GraphNode("n1", "tensor", name, "leaf", shape=(2, -1), value_text=value, grad_text=value)
    record = GraphRecord((node,), (), ("n1",), False, (name,))
    ET.fromstring(graph_svg(record))
    graph_html(record)
    assert all(cells(line) <= 80 for line in graph_text(record).splitlines())


def test_a_large_graph_is_drawn_folded_and_whole_where_asked() -> None:
    svg = graph_svg(chain(500))
    assert ">Mul × 500<" in svg
    assert len(svg) < 8000
    assert "Mul × 500  of w" in graph_text(chain(500))
    assert graph_svg(chain(500), Look(depth=9)).count(">Mul<") == 500


def test_of_a_graph_beyond_drawing_the_part_next_to_the_result_is_drawn() -> None:
    svg = graph_svg(chain(4000), Look(depth=9))
    assert "The graph has 4,000 operations: the 3,000 nodes nearest to the result are drawn." in svg
    assert "… " in graph_text(chain(4000), Look(depth=9))


def test_a_part_of_a_graph_has_only_the_frames_around_it() -> None:
    view, boxes, layout = fitted(encoder(300), Look(depth=99))
    assert len(boxes) == 3000
    assert "model.encoder.layers.299" in {frame.path for frame in view.frames}
    assert "model.encoder.layers.1" not in {frame.path for frame in view.frames}
    assert len(layout.frames) == len(view.frames)
    parents = {frame.path: view.frames[frame.parent].path for frame in view.frames if frame.parent >= 0}
    assert parents["model.encoder.layers.299"] == "model.encoder"


def test_gradients_stand_on_edges_where_a_tensor_has_several_users() -> None:
    record = stored("two_losses")
    edges = tuple(dataclasses.replace(edge, grad_text="0.25", grad_norm=0.25) for edge in record.edges)
    record = dataclasses.replace(record, edges=edges)
    assert graph_svg(record).count("gradient 0.25 flowed back</title>") >= len(edges)
    assert ">↑ 0.25<" in graph_svg(record)
    assert "gradient flowing back" in graph_svg(record)


def test_cuts_and_orders_are_drawn_and_explained() -> None:
    svg = graph_svg(MODELS["everything"])
    assert ">detach()<" in svg
    assert ">line 5 of net.py<" in svg
    assert "cut: detach(), line 3. No gradient reaches h through it." in svg
    assert "cut: no gradient here" in svg
    assert ">order 1<" in svg
    assert "stroke-dasharray" in svg
    text = graph_text(MODELS["everything"])
    assert "-x- cut: detach() of h, line 3" in text
    assert "order 1" in text


@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
def test_themes_bring_their_colours(theme: Theme) -> None:
    html = graph_html(stored("notes"), Look(theme=theme))
    assert ('color="currentColor"' in html) == (theme == "auto")
    assert ("background:#111418" in html) == (theme == "dark")
    assert ("background:#ffffff" in html) == (theme == "light")


@pytest.mark.parametrize("name", STORED)
@pytest.mark.parametrize("look", [Look(), Look(depth=0), Look(depth=2), Look(depth=99)])
def test_words_lie_within_their_boxes_and_boxes_apart(name: str, look: Look) -> None:
    view, boxes, layout = fitted(stored(name), look)
    assert set(boxes) == {node.id for node in view.nodes}
    for box in boxes.values():
        for i, line in enumerate(box.lines):
            wide = cells(line) * (0.9 if i else 1) * 12 * 0.61
            assert wide <= box.width
            middle = abs(i - (len(box.lines) - 1) / 2) * box.step
            assert middle <= box.reach(wide / 2)
    assert_apart(boxes, layout)


def assert_apart(boxes: Mapping[str, Box], layout: Layout) -> None:
    spots = [(layout.centres[ident], box) for ident, box in boxes.items()]
    for i, ((x, y), one) in enumerate(spots):
        for (u, v), two in spots[i + 1 :]:
            apart = abs(x - u) * 2 + 0.5 >= one.width + two.width or abs(y - v) * 2 + 0.5 >= one.height + two.height
            assert apart, (one, two)


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(records(), LOOKS)
def test_any_record_is_drawn_and_told(record: GraphRecord, look: Look) -> None:
    root = ET.fromstring(graph_svg(record, look))
    width, height = float(root.get("width", "")), float(root.get("height", ""))
    for x, y, size, anchor, text in words(root):
        wide = cells(text) * size * 0.6
        left = x if anchor == "start" else x - wide / 2
        assert left >= -0.5, text
        assert left + wide <= width + 0.5, text
        assert size * 0.6 < y < height
    _, boxes, layout = fitted(record, look)
    assert_apart(boxes, layout)
    assert "<script" not in graph_html(record, look)
    assert all(cells(line) <= 80 for line in graph_text(record, look).splitlines())


def test_an_empty_record() -> None:
    ET.fromstring(graph_svg(GraphRecord((), ())))
    assert graph_text(GraphRecord((), ())) == "Autograd graph: 0 tensors, 0 operations"


@pytest.mark.parametrize(
    ("grad", "word"), [(-16.0, "negative"), (16.0, "positive"), (0.0, "zero"), (float("nan"), "not a number")]
)
def test_signs_in_words(grad: float, word: str) -> None:
    node = GraphNode("n1", "tensor", "W", "leaf", grad=grad, grad_of="loss")
    assert sign_words(node).startswith(word)
    assert sign_words(dataclasses.replace(node, grad_of="")) == ""


def test_layout_points_down_and_keeps_nodes_apart() -> None:
    sizes = dict.fromkeys("abcdef", (60.0, 30.0))
    edges = [("a", "c"), ("b", "c"), ("c", "d"), ("a", "d"), ("d", "e"), ("d", "f")]
    layout = place(sizes, edges)
    assert all(layout.centres[s][1] + 30 <= layout.centres[t][1] for s, t in edges)
    assert place(sizes, edges) == layout
    spots = list(layout.centres.values())
    for i, (x, y) in enumerate(spots):
        assert all(abs(x - u) >= 60 or abs(y - v) >= 30 for u, v in spots[i + 1 :])


def test_layout_keeps_frames_around_their_nodes_and_labels_on_their_edges() -> None:
    sizes = dict.fromkeys("abcd", (60.0, 30.0))
    framed = Framed([(200.0, -1), (50.0, 0)], {"b": 0, "c": 1})
    layout = place(sizes, [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")], [(30.0, 12.0), None, None, None], framed)
    for ident, frames in {"a": [], "b": [0], "c": [0, 1], "d": []}.items():
        for number, (x, y, width, height) in enumerate(layout.frames):
            u, v = layout.centres[ident]
            inside = abs(u - x) + 30 <= width / 2 and abs(v - y) + 15 <= height / 2
            assert inside == (number in frames)
    assert layout.frames[0][2] >= 200
    assert layout.labels[0] is not None
    assert layout.labels[1:] == (None, None, None)


@pytest.mark.slow
def test_rendering_needs_no_torch() -> None:
    def modules_after(name: str) -> set[str]:
        code = f"import sys, {name}; print(*(m for m in ('torch', 'IPython') if m in sys.modules))"
        root = Path(__file__).parents[2]
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
        return set(done.stdout.split())

    for module in ("layout", "graph_view", "graph_svg", "graph_text", "graph_html", "graph_export"):
        assert modules_after(f"torchmagic.render.{module}") == set()
    assert "torch" in modules_after("torchmagic.observe.graph")
