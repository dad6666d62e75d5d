"""Tensor records as text and HTML, from stored records alone."""

from __future__ import annotations

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from tests.golden import assert_golden
from torchmagic.records import Stats, TensorRecord
from torchmagic.render.html import tensors_html
from torchmagic.render.text import WIDTH, tensors_text

RECORDS = [
    TensorRecord("X", "Tensor", (10, 1), "float32", "cpu", stats=Stats(10, -1.5, 2.25, 0.125, 1.0, 0, 0, 0), change="new"),
    TensorRecord(
        "W", "Parameter", (1, 1), "float32", "cuda:0", requires_grad=True, grad="[[-16]]", value_text="[[3]]",
        stats=Stats(1, 3.0, 3.0, 3.0, None, 0, 0, 0), change="grad set",
    ),
    TensorRecord(
        "loss", "Tensor", (), "float64", "cpu", requires_grad=True, is_leaf=False, grad_fn="MeanBackward0",
        stats=Stats(1, None, None, None, None, 0, 1, 0), value_text="nan", change="float32 → float64",
    ),
    TensorRecord("big", "Tensor", (40000, 500), "float16", "cpu", stats=Stats(4_000_000, 0.0, 1.0, 0.5, 0.29, 12, 0, 12345, True)),
    TensorRecord("lazy", "UninitializedParameter", (), "float32", "cpu", trouble="not initialised yet"),
    TensorRecord("d['<script>alert(1)</script>']", "<b>Kind</b>", (-1, 2), "int64", "cpu", layout="sparse_coo"),
]  # fmt: skip


def test_golden() -> None:
    assert_golden(tensors_text(RECORDS, more=3) + "\n", "tensors/records.txt")
    assert_golden(tensors_html(RECORDS, more=3) + "\n", "tensors/records.html")


def test_what_the_user_named_stays_text() -> None:
    html = tensors_html(RECORDS)
    assert "<script" not in html
    assert "<b>Kind" not in html
    assert "&lt;script&gt;" in html


_texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)


@given(name=_texts, kind=_texts, value=_texts, change=_texts)
def test_any_text_is_escaped_and_fits(name: str, kind: str, value: str, change: str) -> None:
    record = TensorRecord(name, kind, (1,), "int8", "cpu", value_text=value, change=change)
    html = tensors_html([record])
    assert html.count("<td") == tensors_html(
        [TensorRecord("x", "y", (1,), "int8", "cpu", value_text="1", change="n")]
    ).count("<td")
    for line in tensors_text([record]).splitlines():
        assert len(line) <= max(WIDTH, max(map(len, (name + kind + value + change).split() or [""])) + 4)


def test_renderers_need_neither_torch_nor_ipython() -> None:
    code = "import sys, torchmagic.render.html, torchmagic.render.text; print('torch' in sys.modules, 'IPython' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "False False\n"
    )
