"""Every example in the documentation is run: by the tests here, or while the pages are built."""

from __future__ import annotations

import configparser
import importlib
import json
import re
from pathlib import Path

import click
import pytest
import yaml
from nbgrader.apps import NbGraderApp
from traitlets.config import Config, Configurable

from graders.commands import app
from tests.docs.pages import ALL, DOCS, ROOT, Block, blocks, commands, run_examples

#: Whose blocks the build runs or checks: `make docs`.
BUILT = {
    "{code-cell}",
    "{literalinclude}",  # of files that tests load
    "{shell}",
    "{notebook-cell}",
    "{script}",
    "{facts}",
    "{eval-rst}",
    "{toctree}",
    "{include}",
    "{image}",
}
#: Text for people: nothing could run it.
READ = {"text", "dockerfile"}
WITH_EXAMPLES = [path for path in ALL if ">>> " in path.read_text("utf-8")]
SHELL = ("shell", "{shell}")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=_name)
def test_examples_give_what_the_page_says(path: Path) -> None:
    found = run_examples(path)
    assert found.attempted > 0
    assert not found.failed


def not_run(block: Block) -> str:
    """Why nothing would notice if a block were wrong, or ""."""
    if block.language in BUILT | READ | set(SHELL):
        return ""
    if block.language == "pycon":
        return "" if block.text.startswith(">>> ") else "an example begins with >>>"
    if block.language == "python":
        return "" if block.says else "neither run, nor said to be configuration, nor said why it is not run"
    return "" if block.language in PARSERS else f"in no language that is known here: {block.language!r}"


PARSERS = {
    "yaml": lambda text: list(yaml.safe_load_all(text)),
    "json": json.loads,
    "ini": lambda text: configparser.ConfigParser(interpolation=None).read_string(text),
}


@pytest.mark.parametrize("path", ALL, ids=_name)
def test_no_block_of_code_is_run_by_nothing(path: Path) -> None:
    for block in blocks(path.read_text("utf-8")):
        assert not not_run(block), f"{_name(path)}, line {block.line}: {not_run(block)}"
        if block.language in PARSERS:
            PARSERS[block.language](block.text)
        if block.language == "python":
            compile(block.text, _name(path), "exec")


@pytest.mark.parametrize(
    "text",
    ["```python\nx = 1\n```", "    x = 1", "```\nx = 1\n```", "```pycon\nx\n```", "<!-- other -->\n```python\nx\n```"],
)
def test_what_nothing_runs_would_be_found(text: str) -> None:
    assert [not_run(block) != "" for block in blocks(text)] == [True]


def _configurable() -> dict[str, type[Configurable]]:
    for module in ("execute", "feedback", "exports.canvas", "exports.moodle", "exports.gradescope"):
        importlib.import_module(f"graders.nbgrader_plugin.{module}")
    NbGraderApp()
    found: dict[str, type[Configurable]] = {}
    todo: list[type] = [Configurable]
    while todo:
        cls = todo.pop()
        found[cls.__name__] = cls
        todo += cls.__subclasses__()
    return found


def test_configuration_loads_and_sets_options_that_there_are() -> None:
    known = _configurable()
    count = 0
    for path in ALL:
        for block in blocks(path.read_text("utf-8")):
            if block.says == "configuration":
                config = Config()
                exec(block.text, {"c": config, "get_config": lambda made=config: made})
                for name, options in config.items():
                    assert name in known, f"{_name(path)}, line {block.line}: there is no class {name}"
                    unknown = set(options) - set(known[name].class_trait_names(config=True))
                    assert not unknown, f"{_name(path)}, line {block.line}: {name} has no {unknown}"
                    count += len(options)
    assert count > 10


def parse(words: list[str]) -> None:
    """Let the real command line take an argument line apart, without running anything.

    Raises:
        click.UsageError: it is wrong.
    """
    command, rest = app, words
    while True:
        context = command.make_context(command.name or "torchmagic", list(rest))
        if not isinstance(command, click.Group):
            return
        _, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])  # type: ignore[assignment]


def _shell_commands() -> list[tuple[str, list[str]]]:
    found = []
    for path in ALL:
        for block in blocks(path.read_text("utf-8")):
            if block.language in SHELL:
                text = re.sub(r"^:.*\n", "", block.text, flags=re.MULTILINE)
                found += [(f"{_name(path)}, line {block.line}", words) for words in commands(text)]
    return found


def test_commands_of_ours_are_those_that_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each `torchmagic` line is one that the command line takes; targets, extras and groups of figures are there."""
    monkeypatch.chdir(tmp_path)
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    extras = set(
        re.findall(r"^(\w+) =$", (ROOT / "setup.cfg").read_text().partition("extras_require]")[2], re.MULTILINE)
    )
    seen = 0
    for where, words in _shell_commands():
        if words[0] == "torchmagic" and "--options" not in words:
            try:
                parse(words[1:])
            except click.UsageError as error:
                raise AssertionError(f"{where}: {' '.join(words)}: {error.format_message()}") from error
            seen += 1
        elif words[0] == "make":
            assert {word for word in words[1:] if "=" not in word} <= targets, f"{where}: {words}"
        for named in re.findall(r"torchmagic\[([\w,]+)\]", " ".join(words)):
            assert set(named.split(",")) <= extras, f"{where}: {words}"
    assert seen > 20


@pytest.mark.parametrize(
    "line", ["grade", "grade ps1 --no-such-option", "nonsense", "export canvas --set", "course init"]
)
def test_a_wrong_command_would_be_found(line: str) -> None:
    with pytest.raises(click.UsageError):
        parse(line.split())


def test_the_cells_of_the_pages_are_in_notebooks() -> None:
    """Sphinx shows a {code-cell} without running it where the page does not say that it is a notebook."""
    for path in DOCS.rglob("*.md"):
        text = path.read_text("utf-8")
        if "{code-cell}" in text:
            assert "file_format: mystnb" in text.partition("---\n\n")[0], path
