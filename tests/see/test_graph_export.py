"""Graphs saved as SVG, JSON, Graphviz and Mermaid: each is what it claims to be, whatever the names are."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.see.graph_models import LOOKS, MODELS, chain, encoder, records
from torchmagic.errors import TorchmagicError
from torchmagic.graph_records import GraphEdge, GraphNode, GraphRecord
from torchmagic.render.graph_export import FORMATS, export
from torchmagic.render.graph_look import Look

QUOTED = r'"(?:[^"\\\n]|\\.)*"'
ATTRIBUTE = rf"\w+=(?:{QUOTED}|[\w.]+)"
DOT = re.compile(
    rf"""digraph\ autograd\ \{{\n
    (?:\ *(?:
        rankdir=TB; | \}} | subgraph\ cluster_\d+\ \{{ | n\d+\ ->\ n\d+;
        | (?:(?:n\d+|node|edge|n\d+\ ->\ n\d+)\ \[{ATTRIBUTE}(?:,\ {ATTRIBUTE})*\];\ ?)+
        | (?:{ATTRIBUTE};\ ?)+(?:(?:node|edge)\ \[{ATTRIBUTE}(?:,\ {ATTRIBUTE})*\];\ ?)*
    )\n)*\}}\n""",
    re.VERBOSE,
)
TEXT = r'"[^"\n]*"'
MERMAID_LINE = re.compile(
    rf"""\ +(?: n\d+(?:\[{TEXT}\]|\({TEXT}\)|\{{\{{{TEXT}\}}\}}|\[\[{TEXT}\]\])
    | n\d+\ (?:-->|-\.->)(?:\|{TEXT}\|)?\ n\d+ | subgraph\ f\d+\ \[{TEXT}\] | end | %%\ .*
    | classDef\ \w+\ [\w:\#,\-\ ]+ | class\ n\d+(?:,n\d+)*\ \w+ )""",
    re.VERBOSE,
)


def check_dot(text: str) -> None:
    assert DOT.fullmatch(text), text
    bare = re.sub(QUOTED, "", text)
    assert bare.count("{") == bare.count("}")


def check_mermaid(text: str) -> None:
    first, *rest = text.splitlines()
    assert first == "flowchart TB"
    for line in rest:
        assert MERMAID_LINE.fullmatch(line), line
        for words in re.findall(TEXT, line):
            assert not re.search(r"[<>&](?!br/>|(?<=<)br/>)", words.replace("<br/>", "")), words
    assert sum(line.strip().startswith("subgraph") for line in rest) == sum(line.strip() == "end" for line in rest)
    assert len(re.findall(r"-->|-\.->", text)) < 500


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("look", [Look(), Look(depth=0), Look(depth=99), Look(theme="dark")])
def test_every_form_of_every_model(name: str, look: Look) -> None:
    record = MODELS[name]
    check_dot(export(record, "dot", look))
    check_mermaid(export(record, "mermaid", look))
    ET.fromstring(export(record, "svg", look))
    assert GraphRecord.from_json(export(record, "json", look)) == record


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(records(), LOOKS)
def test_any_record_gives_sound_files(record: GraphRecord, look: Look) -> None:
    check_dot(export(record, "dot", look))
    check_mermaid(export(record, "mermaid", look))
    ET.fromstring(export(record, "svg", look))


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=30))
def test_any_name_stays_text(name: str) -> None:
    nodes = (GraphNode("a", "tensor", name, "leaf", shape=()), GraphNode("b", "cut", name))
    record = GraphRecord(nodes, (GraphEdge("a", "b", name),), ("a",))
    check_dot(export(record, "dot"))
    check_mermaid(export(record, "mermaid"))
    ET.fromstring(export(record, "svg"))


def test_hostile_names() -> None:
    name = '<script>alert("1")</script>\\'
    record = GraphRecord((GraphNode("a", "tensor", name, "leaf", shape=()),), ())
    assert '\\"1\\"' in export(record, "dot")
    assert "<script" not in export(record, "mermaid")
    assert "<script" not in export(record, "svg")


def test_a_file_of_svg_brings_its_colours() -> None:
    auto = export(chain(2), "svg")
    assert auto.startswith("<?xml")
    assert "@media(prefers-color-scheme:dark)" in auto
    for theme, background in (("light", "#ffffff"), ("dark", "#111418")):
        svg = export(chain(2), "svg", Look(theme=theme))  # type: ignore[arg-type]
        assert f'fill="{background}"' in svg
        assert "<style" not in svg


def test_mermaid_is_collapsed_below_its_limit_and_dot_holds_all() -> None:
    look = Look(depth=99)
    assert "TransformerEncoderLayer × 30" in export(encoder(30), "mermaid", look)
    assert export(encoder(30), "dot", look).count('label="Softmax') == 30


def test_forms_by_ending_and_others_are_refused() -> None:
    assert {FORMATS[ending] for ending in (".svg", ".json", ".dot", ".mermaid")} == {"svg", "json", "dot", "mermaid"}
    with pytest.raises(TorchmagicError, match="cannot be saved as 'png'"):
        export(chain(2), "png")
