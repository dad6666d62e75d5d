"""Tensors, trees and notes as text and HTML, from stored records alone."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
import zlib
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.golden import assert_golden
from torchmagic.records import Broadcast, GroupRecord, Histogram, Inspection, Note, Picture, Stats, TensorRecord
from torchmagic.render.broadcasts import rows
from torchmagic.render.html import inspection_html, tensor_html
from torchmagic.render.pictures import histogram_bars, picture_image
from torchmagic.render.text import WIDTH, group_text, inspection_text, tensor_text
from torchmagic.render.words import bytes_text, count_text, share_text, sparkline

BARS = Histogram(-2.0, 3.0, (1, 4, 9, 16, 0, 9, 4, 1))
PIXELS = Picture("heatmap", 3, 2, (0, 64, 128, 192, 255, None), -1.0, 1.0, "every 4th row")
RECORDS = (
    TensorRecord(
        "X", "Tensor", (10, 1), "float32", "cpu", stats=Stats(10, -1.5, 2.25, 0.125, 1.0, 0, 0, 0), change="new",
        nbytes=40, strides=(1, 1), contiguous=True, version=0, histogram=BARS, picture=PIXELS,
    ),
    TensorRecord(
        "W", "Parameter", (1, 1), "float32", "cuda:0", requires_grad=True, grad="[[-16]]", grad_norm=16.0,
        value_text="[[3]]", stats=Stats(1, 3.0, 3.0, 3.0, None, 0, 0, 0), change="in place, version 0 → 2, grad set",
        nbytes=4, strides=(1, 1), contiguous=True, is_view=True, shares=("base", "other"),
    ),
    TensorRecord(
        "loss", "Tensor", (), "float64", "cpu", requires_grad=True, is_leaf=False, grad_fn="MeanBackward0",
        stats=Stats(1, None, None, None, None, 0, 1, 0), value_text="nan", change="float32 → float64",
    ),
    TensorRecord(
        "big", "Tensor", (40000, 500), "float16", "cpu",
        stats=Stats(4_000_000, 0.0, 1.0, 0.5, 0.29, 12, 0, 12345, True), nbytes=40_000_000, strides=(1, 40000),
        contiguous=False,
    ),
    TensorRecord("lazy", "UninitializedParameter", (), "float32", "cpu", trouble="not initialised yet"),
    TensorRecord("d['<script>alert(1)</script>']", "<b>Kind</b>", (-1, 2), "int64", "cpu", layout="sparse_coo"),
)  # fmt: skip


def linear(name: str) -> GroupRecord:
    weight = TensorRecord(
        f"{name}.weight", "Parameter", (8, 4), "float32", "cpu", requires_grad=True, nbytes=128, histogram=BARS,
        stats=Stats(32, -0.5, 0.5, 0.01, 0.3, 0, 0, 0),
    )  # fmt: skip
    bias = TensorRecord(f"{name}.bias", "Parameter", (2,), "float32", "cpu", value_text="[1, 2]", nbytes=8)
    kind = "Linear(in_features=4, out_features=8, bias=True)"
    return GroupRecord(name, kind, tensors=(weight, bias), numel=34, trainable=32, nbytes=136)


MODEL = GroupRecord(
    "model", "Sequential", (("mode", "training"),),
    groups=(linear("model.0"), GroupRecord("model.1", "ReLU()"), linear("model.2")),
    numel=68, trainable=64, nbytes=272, more=2,
)  # fmt: skip
NOTES = (
    Note(
        "column", "`pred` (100, 1) with `y` (100,) gave (100, 100): every value against every other.",
        "pred - y.unsqueeze(1)", ("pred", "y"), 3, Broadcast((("pred", (100, 1)), ("y", (100,))), (100, 100)),
    ),
    Note("detached", "`.detach()` took `h` off the graph: <b>no</b> gradient.", "h = x @ w", ("h",), 2),
    Note("zeros", "`w.grad` is all zeros."),
)  # fmt: skip
WHOLE = Inspection(RECORDS, (MODEL,), NOTES, more=3, deleted=("old", "older"))


def test_golden() -> None:
    assert_golden(inspection_text(WHOLE) + "\n", "tensors/inspection.txt")
    assert_golden(inspection_html(WHOLE) + "\n", "tensors/inspection.html")


def test_a_record_shows_itself() -> None:
    for record in (RECORDS[0], MODEL, WHOLE):
        bundle = record._repr_mimebundle_()
        assert bundle["text/plain"] == str(record)
        assert bundle["text/html"].startswith("<style>")


def test_what_the_user_named_stays_text() -> None:
    html = inspection_html(WHOLE)
    assert "<script" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;" in html
    assert "&lt;b&gt;no&lt;/b&gt;" in html
    assert "http" not in html


class _Balanced(HTMLParser):
    """Knows whether every element is closed in its order."""

    _VOID = frozenset({"img", "path", "br", "wbr"})

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self._VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if not self.stack or self.stack.pop() != tag:
            self.wrong.append(tag)


@pytest.mark.parametrize("record", [WHOLE, Inspection(), Inspection(notes=NOTES), Inspection(groups=(MODEL,))])
def test_elements_are_closed_and_tables_even(record: Inspection) -> None:
    html = inspection_html(record)
    parser = _Balanced()
    parser.feed(html)
    assert (parser.stack, parser.wrong) == ([], [])
    for table in re.findall(r"<table(?! class).*?</table>", html, flags=re.S):
        widths = {
            sum(int(n or 1) for n in re.findall(r'<t[hd](?: (?!colspan)[\w-]+="[^"]*")*(?: colspan="(\d+)")?', row))
            for row in re.findall(r"<tr.*?</tr>", table, flags=re.S)
        }
        assert len(widths) == 1, table


def test_for_screen_readers() -> None:
    html = inspection_html(WHOLE)
    heads = re.findall(r"<th\b([^>]*)>", html)
    assert heads
    assert all("scope=" in head for head in heads)
    assert html.count("<svg") == html.count("<title>")
    assert all("alt=" in image for image in re.findall(r"<img\b[^>]*>", html))
    assert "details open" in html


_texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=30)


@given(name=_texts, kind=_texts, value=_texts, change=_texts)
def test_any_text_is_escaped_and_fits(name: str, kind: str, value: str, change: str) -> None:
    record = TensorRecord(name, kind, (1,), "int8", "cpu", value_text=value, change=change)
    html = tensor_html(record)
    assert html.count("<") - html.count("<wbr>") == tensor_html(
        TensorRecord("x", "y", (1,), "int8", "cpu", value_text="1", change="n")
    ).count("<") - (2 * (kind in ("Tensor", "ndarray")) * (kind == "Tensor"))
    for line in tensor_text(record).splitlines():
        assert len(line) <= max(WIDTH, max(map(len, (name + kind + value + change).split() or [""])) + 4)


@given(_texts, _texts, _texts)
def test_any_text_in_trees_and_notes(name: str, kind: str, remedy: str) -> None:
    group = GroupRecord(name, kind, (("lr", remedy),), (TensorRecord(f"{name}.w", kind, (), "int8", "cpu"),))
    note = Note("column", name, remedy, (name,), 1, Broadcast(((name, (3, 1)), (kind, (4,))), (3, 4)))
    html = inspection_html(Inspection(groups=(group,), notes=(note,)))
    parser = _Balanced()
    parser.feed(html)
    assert (parser.stack, parser.wrong) == ([], [])
    longest = max(map(len, (name + " " + kind + " " + remedy).split() or [""]))
    for line in [*group_text(group).splitlines(), *inspection_text(Inspection(notes=(note,))).splitlines()]:
        assert len(line) <= max(WIDTH, 2 * longest + 20)


def test_text_fits_the_terminal() -> None:
    deep = MODEL
    for n in range(8):
        deep = GroupRecord(f"net.{n}", "Wrapper(" + "argument=1, " * 6 + ")", groups=(deep,))
    for text in (inspection_text(WHOLE), group_text(MODEL), group_text(deep)):
        assert max(map(len, text.splitlines())) <= WIDTH


@given(st.lists(st.integers(1, 5), max_size=4), st.lists(st.booleans(), min_size=4, max_size=4), st.integers(0, 4))
def test_broadcasts_line_up(full: list[int], ones: list[bool], left_out: int) -> None:
    shape = tuple(1 if one else size for size, one in zip(full, ones, strict=False))[left_out:]
    broadcast = Broadcast((("a", tuple(full)), ("b", shape)), tuple(full))
    one, other, result = rows(broadcast)
    assert len({len(row.sizes) for row in (one, other, result)}) == 1
    assert not any(size.expanded for size in one.sizes)
    padded = (None,) * (len(full) - len(shape)) + shape
    assert [size.expanded for size in other.sizes] == [size != want for size, want in zip(padded, full, strict=True)]


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=40))
def test_histograms_end_where_they_began(counts: list[int]) -> None:
    bars = histogram_bars(Histogram(0.0, 1.0, tuple(counts)))
    assert (bars is None) == (not any(counts))
    assert len(sparkline(counts)) == (len(counts) if any(counts) else 0)
    if bars is not None:
        assert sum(map(int, re.findall(r"h(\d+)", bars.path))) == bars.width
        heights = [int(y) for y in re.findall(r"V(\d+)", bars.path)]
        assert all(0 <= y <= bars.height for y in heights)
        assert min(heights) == 0


@given(st.integers(1, 60), st.integers(1, 60), st.sampled_from(["heatmap", "rgb"]), st.integers(1, 30), st.data())
def test_pictures_are_images_of_the_right_size(
    width: int, height: int, kind: str, among: int, data: st.DataObject
) -> None:
    first = data.draw(st.sampled_from([None, 0, 255]))
    pixels = (first, *([7] * (width * height * (3 if kind == "rgb" else 1) - 1)))
    image = picture_image(Picture(kind, width, height, pixels, 0.0, 1.0), among)  # type: ignore[arg-type]
    raw = base64.b64decode(image.address.partition(",")[2])
    assert raw.startswith(b"\x89PNG")
    wide, high = int.from_bytes(raw[16:20], "big"), int.from_bytes(raw[20:24], "big")
    assert 1 <= wide <= width
    assert 1 <= high <= height
    start = raw.index(b"IDAT") + 4
    unpacked = zlib.decompress(raw[start : start + int.from_bytes(raw[start - 8 : start - 4], "big")])
    line = 1 + (3 * wide if kind == "rgb" else -(-wide // 2))
    assert len(unpacked) == line * high
    assert image.width >= wide
    assert (first is None) == ("red" in image.title)


def test_twenty_tensors_stay_small() -> None:
    counts = tuple((n * 37) % 97 for n in range(24))
    noise = tuple((n * n * 31 + n * 17) % 256 for n in range(48 * 48))
    picture = Picture("heatmap", 48, 48, noise, 0.0, 1.0)
    one = replace(RECORDS[0], shape=(100, 100), histogram=Histogram(-2.0, 3.0, counts), picture=picture)
    html = inspection_html(Inspection(tuple(replace(one, name=f"t{n}") for n in range(20))))
    assert html.count("<svg") == html.count("<img") == 20
    assert len(html.encode()) < 60_000


def test_numbers_in_words() -> None:
    assert [bytes_text(n) for n in (0, 999, 1000, 1024, 10**6)] == ["0 B", "999 B", "0.977 KiB", "1 KiB", "977 KiB"]
    assert [count_text(n) for n in (0, 123456, 7_000_000_000)] == ["0", "123,456", "7 G"]
    assert share_text(0, 0) == "0 %"


def test_renderers_need_neither_torch_nor_ipython() -> None:
    code = "import sys, torchmagic.render.html, torchmagic.render.text; print('torch' in sys.modules, 'IPython' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "False False\n"
    )


def test_a_histogram_of_a_sample_says_so() -> None:
    for sampled in (True, False):
        histogram = Histogram(0.0, 1.0, (3, 4), sampled)
        record = TensorRecord("x", "Tensor", (7,), "float32", "cpu", nbytes=28, histogram=histogram)
        assert ("of an even sample" in str(record)) is sampled
        assert (tensor_html(record).count("of an even sample") == 2) is sampled
