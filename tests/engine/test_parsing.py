"""Cells are parsed in as many threads as submissions are graded at a time."""

from __future__ import annotations

import ast
import gc
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from graders.engine.parsing import syntax_tree

TEXT = "\n".join(f"x{n} = [a + b * (c - d[{n}]) for a in range({n}) if not (b and c)]" for n in range(60))
DEEP = f"x = {'-' * 30}1\n{TEXT}"


@pytest.fixture
def busy_collector() -> Iterator[None]:
    """Garbage is collected all the time, and another thread runs whenever it is: as by chance, but often."""

    def switch(phase: str, info: dict[str, Any]) -> None:
        time.sleep(0)

    before = gc.get_threshold()
    gc.callbacks.append(switch)
    gc.set_threshold(20)
    yield
    gc.set_threshold(*before)
    gc.callbacks.remove(switch)


@pytest.mark.slow
@pytest.mark.usefixtures("busy_collector")
def test_threads_that_parse_do_not_disturb_each_other() -> None:
    """On Python 3.11 about one in a hundred of these parses fails the first time."""
    texts = [TEXT, DEEP] * 100
    with ThreadPoolExecutor(4) as pool:
        trees = list(pool.map(syntax_tree, texts))
    wanted = {text: ast.dump(ast.parse(text)) for text in (TEXT, DEEP)}
    assert all(ast.dump(tree) == wanted[text] for tree, text in zip(trees, texts, strict=True))


@pytest.mark.parametrize("text", ["x =", "x = '\0'", "return ("])
def test_what_is_no_python_is_said_as_by_ast_parse(text: str) -> None:
    with pytest.raises((SyntaxError, ValueError)) as wanted:
        ast.parse(text)
    with pytest.raises(wanted.type):
        syntax_tree(text)
