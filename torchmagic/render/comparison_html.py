"""An answer beside what it should be, as HTML: no script, no network, legible on light and dark pages."""

from __future__ import annotations

from markupsafe import Markup

from torchmagic.records import Comparison, Inspection
from torchmagic.render.comparison_text import comparison_title
from torchmagic.render.graph_templates import template
from torchmagic.render.html import inspection_html


def comparison_html(comparison: Comparison) -> str:
    """Small tensors side by side with each value that differs marked, then both as the magics show tensors.

    >>> from torchmagic.records import TensorRecord
    >>> expected = TensorRecord("expected", "Tensor", (1,), "float32", "cpu")
    >>> got = TensorRecord("<script>", "Tensor", (1,), "float32", "cpu")
    >>> "<script>" in comparison_html(Comparison(expected, got, (("1",),), (("2",),), ((0, 0),), 1))
    False
    """
    wrong = frozenset(comparison.wrong)
    grids = [
        (name, [[(cell, marked and (r, c) in wrong) for c, cell in enumerate(row)] for r, row in enumerate(rows)])
        for name, rows, marked in (
            ("expected", comparison.expected_rows, False),
            (comparison.got.name, comparison.got_rows, True),
        )
        if rows
    ]
    return template("comparison.html.j2").render(
        title=comparison_title(comparison),
        grids=grids if len(grids) == 2 else [],
        why=comparison.why,
        facts=Markup(inspection_html(Inspection(tensors=(comparison.expected, comparison.got)))),
    )
