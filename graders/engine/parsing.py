"""The syntax tree of a text, whatever other threads parse in the meantime."""

from __future__ import annotations

import ast

_TIMES = 50


def syntax_tree(text: str, flags: int = 0) -> ast.Module:
    """What :func:`ast.parse` gives, with more flags of :mod:`ast`'s.

    Python 3.11 counts the depth of the tree that it builds in one place for all threads, and complains when another
    thread has counted in between (https://github.com/python/cpython/issues/106905). Nothing is wrong then: the next
    time gives the tree.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: as ast.parse.

    >>> ast.unparse(syntax_tree("y=( 1,)"))
    'y = (1,)'
    """
    for _ in range(_TIMES):
        try:
            tree: ast.Module = compile(text, "<unknown>", "exec", ast.PyCF_ONLY_AST | flags, dont_inherit=True)
        except SystemError:
            continue
        return tree
    return ast.parse(text)
