"""What pages say of the code is there, and people who cannot see find their way in them."""

from __future__ import annotations

import dataclasses
import doctest
import importlib.util
import itertools
import re
from pathlib import Path
from types import ModuleType

import pytest
from markdown_it import MarkdownIt

from bench.__main__ import MEASURES
from tests.docs.pages import ALL, DOCS, ROOT, colon_fences_as_backticks, without_front_matter
from torchmagic import graph_records, live_records, records
from torchmagic.magic_options import GRADTRACE, TENSORINFO, Options

_PATH = re.compile(r"`((?:tests|graders|torchmagic|bench|assignments|fuzz|docs)/[\w./-]*\w/?)`")
_LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _part(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / "_ext" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["tables", "shell"])
def test_the_builds_own_examples(name: str) -> None:
    found = doctest.testmod(_part(name))
    assert found.attempted > 0
    assert not found.failed


def test_facts_can_be_told() -> None:
    tables = _part("tables")
    arguments = {"options": ("gradtrace",), "record": ("TensorRecord", "GraphNode")}
    for name, make in tables.TABLES.items():
        assert make(*arguments.get(name, ())), name


def test_all_records_are_on_their_page() -> None:
    page = (DOCS / "reference" / "records.md").read_text("utf-8")
    named = {word for line in re.findall(r"\{facts\} record (.*)", page) for word in line.split()}
    there = {
        name
        for module in (records, graph_records, live_records)
        for name, value in vars(module).items()
        if dataclasses.is_dataclass(value)
    }
    assert named == there


@pytest.mark.parametrize(("page", "options"), [("tensorinfo", TENSORINFO), ("gradtrace", GRADTRACE)])
def test_all_options_of_a_magic_are_on_its_page(page: str, options: Options) -> None:
    text = (DOCS / "reference" / f"{page}.md").read_text("utf-8")
    missing = [name for names, _ in options for name in names if name.startswith("--") and name not in text]
    assert [name for name in missing if f"--no-{name[2:]}" not in text] == []


def test_all_figures_groups_are_on_their_page() -> None:
    text = (DOCS / "about" / "benchmarks.md").read_text("utf-8")
    assert [name for name in MEASURES if f"| `{name}` |" not in text] == []


@pytest.mark.parametrize("path", ALL, ids=_name)
def test_files_that_a_page_names_are_there(path: Path) -> None:
    text = path.read_text("utf-8")
    for named in _PATH.findall(text):
        if not re.search(r"[A-Z]{3}|_build", named):  # TOPIC stands for any; a build is not there yet
            assert (ROOT / named).exists(), named
    for linked in _LINK.findall(text):
        assert (path.parent / linked).exists(), linked


def test_pages_that_the_code_names_are_there() -> None:
    """In help, in messages and in docstrings; another project's pages are named by an address."""
    named = {
        (found, _name(path))
        for folder in ("torchmagic", "graders", "bench", "fuzz")
        for path in (ROOT / folder).rglob("*.py")
        for found in re.findall(r"(?<![\w/])docs/[\w/-]{2,}\.md", path.read_text("utf-8"))
    }
    assert named
    assert [each for each in sorted(named) if not (ROOT / each[0]).exists()] == []


@pytest.mark.parametrize("path", ALL, ids=_name)
def test_headings_are_in_order_and_pictures_have_words(path: Path) -> None:
    text = colon_fences_as_backticks(without_front_matter(path.read_text("utf-8")))
    tokens = MarkdownIt("commonmark").parse(text)
    levels = [int(token.tag[1:]) for token in tokens if token.type == "heading_open"]
    assert levels.count(1) == (0 if "{include}" in text else 1)
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), levels
    pictures = len(re.findall(r"<img\b|^```\{image\}", text, re.MULTILINE))
    words = len(re.findall(r"""<img\b[^>]*\balt="[^"]{20,}"|^:alt: .{20,}""", text, re.MULTILINE))
    assert pictures == words
    assert "![](" not in text
