"""Collapsing graphs by module: what is drawn, that nothing is lost or tied in knots, that it is quick to read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from tests.see.graph_models import LOOKS, MODELS, Maker, chain, encoder, flat, records, recurrent, woven
from torchmagic.graph_records import GraphRecord
from torchmagic.render.graph_collapse import Collapsed, collapse
from torchmagic.render.graph_folds import Fold
from torchmagic.render.graph_look import Look
from torchmagic.render.graph_plain import fuse, knotted, plain_graph
from torchmagic.render.graph_repeats import stretches

LIMIT = 50


def collapsed(record: GraphRecord, look: Look = Look(), limit: int = LIMIT) -> Collapsed:  # noqa: B008
    return collapse(record, fuse(plain_graph(record), record.roots), look, limit)


def folds(drawn: Collapsed) -> list[Fold]:
    return [node for node in drawn.nodes if isinstance(node, Fold)]


def shown(drawn: Collapsed) -> list[tuple[str, str]]:
    return [(" … ".join(fold.paths), fold.what) for fold in folds(drawn)]


def test_like_layers_are_one_box_with_a_count_and_the_first_and_last_gradient() -> None:
    drawn = collapsed(encoder())
    (fold,) = [fold for fold in folds(drawn) if "×" in fold.what]
    assert fold.paths == ("model.encoder.layers.0", "model.encoder.layers.11")
    assert fold.what == "TransformerEncoderLayer × 12"
    assert fold.grad == "grad norm 0.5 … 0.00024"
    assert fold.facts == ("400 parameters each", "→ (2, 8)")
    assert len(drawn.nodes) <= LIMIT


def test_layers_with_another_inside_are_not_counted_with_the_rest() -> None:
    make = Maker()
    x = make.tensor("x", "leaf")
    net = make.module("net", "Net")
    for i in range(40):
        block = make.module(f"net.{i}", "Block", net)
        for label in ("Exp", "Sin") if i < 20 else ("Exp", "Cos"):
            x = make.op(label, [x], module=block)
    drawn = collapsed(make.record(make.op("Sum", [x], "y", role="result")))
    assert shown(drawn) == [("net.0 … net.19", "Block × 20"), ("net.20 … net.39", "Block × 20")]


def test_a_pattern_of_siblings_is_one_box() -> None:
    assert shown(collapsed(flat())) == [("model.0 … model.399", "(Linear, ReLU) × 200")]


def test_calls_of_the_same_module_are_one_box_and_the_shared_weight_stays_in_view() -> None:
    drawn = collapsed(recurrent())
    assert shown(drawn) == [("cell", "RNNCell × 30 calls")]
    assert {node.label for node in drawn.nodes if not isinstance(node, Fold)} >= {"cell.weight", "h0", "loss"}


def test_a_chain_without_modules_is_one_box() -> None:
    drawn = collapsed(chain(10_000))
    assert [fold.what for fold in folds(drawn)] == ["Mul × 10,000"]
    assert len(drawn.nodes) == 3


def test_a_long_sequence_that_repeats_nothing_is_told_in_pieces() -> None:
    make = Maker()
    x = make.tensor("x", "leaf")
    for i in range(2000):
        x = make.op(f"Op{(i * i) % 97}", [x])
    drawn = collapsed(make.record(make.op("Sum", [x], "y", role="result")))
    assert len(drawn.nodes) <= 80
    assert sum(fold.operations for fold in folds(drawn)) > 1900


def test_a_small_model_is_drawn_whole() -> None:
    assert folds(collapsed(encoder(1))) == []


def test_depth_opens_levels() -> None:
    assert shown(collapsed(encoder(), Look(depth=0))) == [("model", "Net")]
    assert ("model.encoder", "TransformerEncoder") in shown(collapsed(encoder(), Look(depth=1)))
    assert [what for _, what in shown(collapsed(encoder(), Look(depth=2)))] == ["TransformerEncoderLayer × 12"]
    assert [what for _, what in shown(collapsed(encoder(), Look(depth=3)))] == ["TransformerEncoderLayer"] * 12
    whole = collapsed(encoder(), Look(depth=99))
    assert folds(whole) == []
    assert sum(node.kind == "operation" for node in whole.nodes) == 12 * 12 + 2  # type: ignore[union-attr]


@pytest.mark.parametrize("pattern", ["model.encoder.layers.3", "layers.3", "*.layers.3", "encoder.layers.[3]"])
def test_expand_opens_one_of_the_repeats_and_folds_the_others(pattern: str) -> None:
    drawn = collapsed(encoder(), Look(expand=(pattern,)))
    whats = shown(drawn)
    assert ("model.encoder.layers.0 … model.encoder.layers.2", "TransformerEncoderLayer × 3") in whats
    assert ("model.encoder.layers.4 … model.encoder.layers.11", "TransformerEncoderLayer × 8") in whats
    assert any(frame.path == "model.encoder.layers.3" for frame in drawn.frames)


def test_expand_of_a_list_of_modules_shows_each() -> None:
    drawn = collapsed(encoder(), Look(expand=("model.encoder.layers",)))
    assert [what for _, what in shown(drawn) if what.startswith("Transformer")] == ["TransformerEncoderLayer"] * 12


def test_expand_takes_a_class_name_and_ignores_what_is_not_there() -> None:
    drawn = collapsed(encoder(2), Look(depth=0, expand=("MultiheadAttention", "nothing")))
    assert sum(frame.label.endswith("MultiheadAttention") for frame in drawn.frames) == 2


def test_expand_opens_a_repeat_that_is_given_data_of_its_own() -> None:
    drawn = collapsed(recurrent(), Look(expand=("cell",)))
    assert folds(drawn) == []
    one = Maker()
    h, weight = one.tensor("h0"), one.tensor("w", "parameter")
    for step in range(20):
        cell = one.module(f"cells.{step}", "Cell")
        h = one.op("Tanh", [one.op("Linear", [one.tensor(f"x[{step}]"), h, weight], module=cell)], module=cell)
    drawn = collapsed(one.record(one.op("Sum", [h], "loss", role="result")), Look(depth=0, expand=("cells.9",)))
    assert [what for _, what in shown(drawn)] == ["Cell × 9", "Cell × 10"]


def test_a_module_that_a_way_leaves_and_enters_again_is_no_box() -> None:
    drawn = collapsed(woven(), Look(depth=0))
    assert folds(drawn) == []
    assert drawn.frames == ()  # nor a frame: its edges would run upwards


def test_parameters_lie_in_their_module_and_what_it_is_given_outside() -> None:
    drawn = collapsed(encoder(1), Look(depth=0))
    labels = {node.label for node in drawn.nodes if not isinstance(node, Fold)}
    assert labels == {"X", "out", "Mean", "loss"}


def test_a_frame_lies_in_the_frame_of_its_parent() -> None:
    drawn = collapsed(encoder(1), Look(depth=99))
    paths = [frame.path for frame in drawn.frames]
    attention = drawn.frames[paths.index("model.encoder.layers.0.self_attn")]
    assert drawn.frames[attention.parent].path == "model.encoder.layers.0"


@pytest.mark.parametrize(
    ("marks", "found"),
    [
        ("", []),
        ("aab", []),
        ("aaa", [(0, 1, 3)]),
        ("xababab", [(1, 2, 3)]),
        ("abcabcabcabd", [(0, 3, 3)]),
        ("aaabbbccc", [(0, 1, 3), (3, 1, 3), (6, 1, 3)]),
    ],
)
def test_repeats(marks: str, found: list[tuple[int, int, int]]) -> None:
    assert stretches([ord(mark) for mark in marks]) == found


def reach(pairs: list[tuple[str, str]], start: str) -> set[str]:
    onward: dict[str, list[str]] = {}
    for source, target in pairs:
        onward.setdefault(source, []).append(target)
    found: set[str] = set()
    stack = [start]
    while stack:
        for each in onward.get(stack.pop(), ()):
            if each not in found:
                found.add(each)
                stack.append(each)
    return found


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(records(), LOOKS)
def test_a_collapsed_graph_has_no_cycle_and_keeps_every_way(record: GraphRecord, look: Look) -> None:
    plain = plain_graph(record)
    drawn = collapse(record, plain, look, 6)
    ids = [node.id for node in drawn.nodes]
    assert len(set(ids)) == len(ids)
    pairs = [(edge.source, edge.target) for edge in drawn.edges]
    assert len(set(pairs)) == len(pairs)
    assert {end for pair in pairs for end in pair} <= set(ids)
    numbers = {ident: i for i, ident in enumerate(ids)}
    assert not knotted(len(ids), [(numbers[a], numbers[b]) for a, b in pairs])
    before = [(plain.nodes[a].id, plain.nodes[b].id) for a, b, _ in plain.edges]
    for ident in set(ids) & {node.id for node in plain.nodes}:
        assert reach(before, ident) & set(ids) <= reach(pairs, ident)


@pytest.mark.parametrize("name", MODELS)
def test_every_operation_is_drawn_or_folded(name: str) -> None:
    record = MODELS[name]
    operations = sum(node.kind == "operation" for node in record.nodes)
    for look in (Look(), Look(depth=0), Look(depth=2), Look(depth=99), Look(expand=("*",))):
        drawn = collapsed(record, look)
        inside = sum(fold.operations for fold in folds(drawn))
        assert inside == drawn.folded
        assert (
            inside + sum(not isinstance(node, Fold) and node.kind == "operation" for node in drawn.nodes) == operations
        )
