"""Pictures and text of graphs from stored records: golden files, escaping, widths, limits."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.golden import GOLDEN, assert_golden
from torchmagic.graph_records import GraphEdge, GraphNode, GraphRecord
from torchmagic.render.graph_html import graph_html, sign_words
from torchmagic.render.graph_svg import graph_svg
from torchmagic.render.graph_text import graph_text
from torchmagic.render.graph_view import cells
from torchmagic.render.layout import place

STORED = sorted(path.name.removesuffix(".record.json") for path in (GOLDEN / "graph").glob("*.record.json"))
SVG = "{http://www.w3.org/2000/svg}"


def stored(name: str) -> GraphRecord:
    """A record as it was saved."""
    data: dict[str, Any] = json.loads((GOLDEN / "graph" / f"{name}.record.json").read_text(encoding="utf-8"))
    nodes = tuple(
        GraphNode(**{**node, "shape": None if node["shape"] is None else tuple(node["shape"])})
        for node in data["nodes"]
    )
    edges = tuple(GraphEdge(**edge) for edge in data["edges"])
    return GraphRecord(nodes, edges, tuple(data["roots"]), data["backward_ran"], tuple(data["notes"]))


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
    assert all(group.find(f"{SVG}title") is not None for group in root.iter(f"{SVG}g"))
    assert not re.search(r"<script|<style|<image|href|url\(|@import|\bid=", svg)


@pytest.mark.parametrize("name", STORED)
def test_no_label_is_clipped_or_overlaps_another(name: str) -> None:
    root = ET.fromstring(graph_svg(stored(name)))
    width, height = float(root.get("width", "")), float(root.get("height", ""))
    boxes: list[tuple[float, float, float, float]] = []
    for text in root.iter(f"{SVG}text"):
        x, y, size = float(text.get("x", "")), float(text.get("y", "")), float(text.get("font-size", 12))
        wide = cells(text.text or "") * size * 0.6
        left = x if text.get("text-anchor") == "start" else x - wide / 2
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


def chain(length: int) -> GraphRecord:
    nodes = [GraphNode("n0", "tensor", "w", "leaf", shape=())]
    edges = []
    for i in range(length):
        nodes.append(GraphNode(f"o{i}", "operation", "Mul", grad_fn="MulBackward0"))
        nodes.append(GraphNode(f"n{i + 1}", "tensor", "", shape=(2,), dtype="float32"))
        edges += [GraphEdge(f"n{i}", f"o{i}"), GraphEdge(f"o{i}", f"n{i + 1}")]
    return GraphRecord(tuple(nodes), tuple(edges), (f"n{length}",))


def test_a_large_graph_is_drawn_in_part_and_says_so() -> None:
    svg = graph_svg(chain(500))
    assert "The graph has 500 operations" in svg
    assert svg.count(">Mul<") < 100
    assert "… 440 more …" in graph_text(chain(500))
    assert "The graph has" not in graph_svg(chain(5))


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


def test_rendering_needs_no_torch() -> None:
    def modules_after(name: str) -> set[str]:
        code = f"import sys, {name}; print(*(m for m in ('torch', 'IPython') if m in sys.modules))"
        root = Path(__file__).parents[2]
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
        return set(done.stdout.split())

    for module in ("layout", "graph_view", "graph_svg", "graph_text", "graph_html"):
        assert modules_after(f"torchmagic.render.{module}") == set()
    assert "torch" in modules_after("torchmagic.observe.graph")
