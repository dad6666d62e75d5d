"""What IPython makes of a cell's text, found more quickly where it makes nothing of it."""

from __future__ import annotations

import ast
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

from graders.engine.parsing import syntax_tree

_Manager: Any = TransformerManager  # it has no annotations
_OWN = tuple(_Manager().token_transformers)


class QuickTransformer(_Manager):  # type: ignore[misc]
    """IPython's own, but what is Python already is not taken apart in search of magics.

    >>> QuickTransformer().transform_cell("y = x % 2"), QuickTransformer().transform_cell("%matplotlib")
    ('y = x % 2\\n', "get_ipython().run_line_magic('matplotlib', '')\\n")
    """

    def do_token_transforms(self, lines: list[str]) -> list[str]:
        """The lines with magics, ``!commands`` and ``help?`` translated."""
        text = "".join(lines)
        if tuple(self.token_transformers) == _OWN and not ("?" in text or "!" in text) and _is_python(text):
            return lines
        return super().do_token_transforms(lines)  # type: ignore[no-any-return]


def _is_python(text: str) -> bool:
    try:
        syntax_tree(text, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
