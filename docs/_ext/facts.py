"""The directive ``{facts}``: puts what the code itself says into a page, so that the page cannot drift from it."""

from __future__ import annotations

from typing import Any, ClassVar

import tables
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class Facts(SphinxDirective):
    """``:::{facts} NAME ARGUMENT...``: the Markdown that ``tables.NAME`` gives, parsed as part of the page."""

    required_arguments = 1
    optional_arguments = 100
    has_content = False
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """The nodes to stand in the directive's place."""
        name, *arguments = self.arguments
        make = tables.TABLES.get(name)
        if make is None:
            raise self.error(f"There are no facts {name!r}; there are: {', '.join(tables.TABLES)}.")
        return self.parse_text_to_nodes(make(*arguments), allow_section_headings=True)


def examples_as_written(app: Sphinx, ctx: Any, lines: list[str]) -> None:
    """Show what a command's help keeps in its lines as it stands, not as flowing text."""
    lines[:] = tables.literal_blocks(lines)


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("facts", Facts)
    for part in ("description", "epilog"):
        app.connect(f"sphinx-click-process-{part}", examples_as_written)
    return {"version": "1", "parallel_read_safe": True}
