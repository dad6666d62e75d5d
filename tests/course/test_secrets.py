"""What a student receives holds no answer: the releases, the hints, and the wheel are searched for lines of the secrets."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from graders.engine.given import plain_python
from graders.engine.hidden import hidden_lines
from torchmagic.hints import read_hints

from .ast_mutants import solution_lines
from .courseware import SOURCES, TOPICS, is_test, meta, release, source

ROOT = Path(__file__).resolve().parents[2]
#: Shorter ones are said in many places, such as ``x = x / 2`` or ``loss.backward()``.
_TELLING = 18
#: Everybody's words, which answer nothing.
_IDIOMS = {"withtorch.no_grad():", "model.parameters()", "optimizer.zero_grad()", "torch.Generator()"}
#: So are one function of torch's of one name, and a number that the question itself names as a parameter.
_IDIOM = re.compile(r"torch\.\w+\(\w+\)|(\w+=)?torch\.tensor\([\d.]+,requires_grad=True\)")
_SEED = re.compile(r"^\s*seed = ([0-9]+)$", re.MULTILINE)


def normal(text: str) -> str:
    """Without blanks, and with one kind of quotes."""
    return re.sub(r"\s+", "", text).replace("'", '"')


def _parsed(statements: str) -> Iterator[str]:
    """The statements and the larger expressions of a cell, each as Python writes it."""
    for node in ast.walk(ast.parse(statements)):
        if isinstance(node, ast.Return | ast.Assign | ast.AugAssign | ast.Expr) and node.value is not None:
            yield ast.unparse(node)
        if isinstance(node, ast.BinOp | ast.Call | ast.Compare | ast.IfExp | ast.Dict | ast.ListComp):
            yield ast.unparse(node)


def _telling(texts: Iterator[str]) -> set[str]:
    return {short for short in map(normal, texts) if len(short) >= _TELLING}


@functools.cache
def secrets(topic: str) -> set[str]:
    """Lines, statements and expressions of the solutions and hidden tests that nothing visible holds, normalised."""
    found: set[str] = set()
    for cell in source(topic).cells:
        if cell.cell_type != "code":
            continue
        secret = hidden_lines(cell.source) if is_test(cell) else solution_lines(cell.source)
        lines = cell.source.splitlines()
        found |= _telling(
            lines[n - 1] for n in secret if not lines[n - 1].strip().startswith(("#", "import ", "from "))
        )
        if not is_test(cell):
            only = [line if n in secret else "" for n, line in enumerate(lines, 1)]
            tree = ast.parse(plain_python(cell.source))
            kept = [s for s in ast.walk(tree) if isinstance(s, ast.stmt) and only[s.lineno - 1]]
            found |= _telling(text for s in kept if not hasattr(s, "body") for text in _parsed(ast.unparse(s)))
    return {text for text in found - _IDIOMS if not _IDIOM.fullmatch(text) and text not in _visible(topic)}


def _visible(topic: str) -> str:
    """All that the instructor's notebook shows to students on purpose, normalised."""
    shown = []
    for cell in source(topic).cells:
        if cell.cell_type == "code":
            secret = hidden_lines(cell.source) | solution_lines(cell.source)
            shown += [line for number, line in enumerate(cell.source.splitlines(), 1) if number not in secret]
        elif not meta(cell):
            shown.append(cell.source)
    return normal("\n".join(shown))


@pytest.mark.parametrize("topic", TOPICS)
def test_the_release_holds_no_line_of_a_solution_or_a_hidden_test(topic: str) -> None:
    notebook = release(topic)
    text = normal("\n".join(cell.source for cell in notebook.cells))
    assert len(secrets(topic)) >= 15
    assert sorted(secret for secret in secrets(topic) if secret in text) == []
    for word in ("HIDDEN", "BEGINSOLUTION", "MARKSCHEME", "Marks:"):
        assert word not in text
    for cell in notebook.cells:
        assert not cell.get("outputs")


@pytest.mark.parametrize("topic", TOPICS)
def test_the_hints_hold_no_line_of_a_solution_or_a_hidden_test(topic: str) -> None:
    for question, steps in read_hints(SOURCES / topic / "hints.json").items():
        text = normal(" ".join(steps))
        assert sorted(secret for secret in secrets(topic) if secret in text) == [], question


@pytest.mark.parametrize("topic", TOPICS)
def test_seeds_are_in_hidden_lines_only(topic: str) -> None:
    seeds = {seed for cell in source(topic).cells if is_test(cell) for seed in _SEED.findall(cell.source)}
    assert seeds, "hidden inputs are drawn from a seed, on a line `seed = N`"
    for cell in source(topic).cells:
        hidden = hidden_lines(cell.source)
        shown = [line for number, line in enumerate(cell.source.splitlines(), 1) if number not in hidden]
        assert not _SEED.search("\n".join(shown)), meta(cell).get("grade_id")
    numbers = set(re.findall(r"\b[0-9]{3,}\b", "\n".join(cell.source for cell in release(topic).cells)))
    assert not numbers & {seed for seed in seeds if len(seed) > 2}


@functools.cache
def _shipped() -> dict[str, str]:
    """What the wheel is made of (tests/cli/test_packaging.py shows that it holds nothing else), by path, normalised."""
    paths = [path for package in ("torchmagic", "graders") for path in sorted((ROOT / package).rglob("*.py"))]
    return {str(path.relative_to(ROOT)): normal(path.read_text(encoding="utf-8")) for path in paths}


@pytest.mark.parametrize("topic", TOPICS)
def test_the_wheel_holds_no_line_of_a_solution_or_a_hidden_test(topic: str) -> None:
    mine = secrets(topic)
    assert mine
    found = {(path, secret) for path, text in _shipped().items() for secret in mine if secret in text}
    assert sorted(found) == []


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topics_grader_holds_no_seed_of_its_hidden_tests(topic: str) -> None:
    text = (ROOT / "graders" / f"{topic}.py").read_text(encoding="utf-8")
    seeds = {seed for cell in source(topic).cells if is_test(cell) for seed in _SEED.findall(cell.source)}
    assert not {seed for seed in seeds if len(seed) > 2} & set(re.findall(r"\b[0-9]+\b", text))


def test_a_line_of_a_solution_would_be_found() -> None:
    topic = "backward_pass"
    assert normal("return 2 * (W * x  - target) * x") in secrets(topic)
    assert normal("W_value - lr*gradient") in secrets(topic)
    assert any("max(first,second,key=abs)" in secret for secret in secrets(topic))
