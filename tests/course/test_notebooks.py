"""The source notebooks are sound: form, ids, points, tests, hints; solved they pass, released they give nothing and say why."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
import pytest

from graders.engine.client import Engine
from graders.engine.hidden import hidden_lines
from graders.engine.needs import read_needs
from graders.engine.report import Limits, Outcome, Report, Submission
from graders.mutants import load_mutants
from graders.nbgrader_plugin.execute import read_cells, read_template
from graders.notebooks import canonical
from torchmagic.hints import read_hints

from .courseware import MUTANTS, SOURCES, TOPICS, full_marks, is_test, meta, release, source

_QUESTION = re.compile(r"^## ([0-9]+)\. ", re.MULTILINE)


def _questions(topic: str) -> list[str]:
    text = "\n".join(cell.source for cell in source(topic).cells if cell.cell_type == "markdown" and not meta(cell))
    return [f"q{number}" for number in _QUESTION.findall(text)]


@pytest.mark.parametrize("topic", TOPICS)
def test_stored_in_canonical_form(topic: str) -> None:
    text = (SOURCES / topic / f"{topic}.ipynb").read_text(encoding="utf-8")
    assert text == canonical(text), "run `make notebooks`"
    nbformat.validate(nbformat.reads(text, as_version=4))


@pytest.mark.parametrize("topic", TOPICS)
def test_ids_and_points(topic: str) -> None:
    cells = source(topic).cells
    assert len({cell.id for cell in cells}) == len(cells)
    assert [cell.id for cell in cells if meta(cell)] == [meta(cell)["grade_id"] for cell in cells if meta(cell)]
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", cell.id) for cell in cells), "ids say what a cell is for"
    manual = [cell for cell in cells if meta(cell).get("grade") and meta(cell)["solution"]]
    assert len(manual) >= 1
    assert all(meta(cell)["points"] > 0 for cell in manual)
    assert all("Marks:" in cell.source or "MARK SCHEME" in cell.source for cell in manual), "a marking scheme"
    assert {meta(cell)["schema_version"] for cell in cells if meta(cell)} == {3}
    right = next(mutant for mutant in load_mutants(MUTANTS, topic) if mutant.name == "right")
    assert right.score == full_marks(topic)


@pytest.mark.parametrize("topic", TOPICS)
def test_opens_with_a_magic_prerequisites_and_the_time_it_takes(topic: str) -> None:
    cells = source(topic).cells
    (minutes,) = re.findall(r"([0-9]+) minutes", cells[0].source)
    assert 30 <= int(minutes) <= 60
    assert re.search(r"\*\*(Before this|You need|Prerequisites?)", cells[0].source)
    first = next(place for place, cell in enumerate(cells) if meta(cell).get("solution"))
    assert any(re.match(r"%%(tensorinfo|gradtrace)", cell.source) for cell in cells[:first])


@pytest.mark.parametrize("topic", TOPICS)
def test_each_question_has_visible_and_hidden_tests(topic: str) -> None:
    tests = [cell for cell in source(topic).cells if is_test(cell)]
    assert 5 <= len(tests) <= 8
    for cell in tests:
        hidden = hidden_lines(cell.source)
        visible = [line for number, line in enumerate(cell.source.splitlines(), 1) if number not in hidden]
        for lines in (visible, [line for line in cell.source.splitlines() if line not in visible]):
            assert any("assert" in line or "check_" in line for line in lines), meta(cell)["grade_id"]


@pytest.mark.parametrize("topic", TOPICS)
def test_each_question_has_three_hints(topic: str) -> None:
    ladders = read_hints(SOURCES / topic / "hints.json")
    assert set(ladders) <= set(_questions(topic))
    graded = sum(is_test(cell) for cell in source(topic).cells)
    assert len(ladders) >= graded
    for question, steps in ladders.items():
        assert len(steps) == 3, question
        assert all(20 <= len(step) <= 400 for step in steps), question
        assert len(set(steps)) == 3


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(at_once=2) as engine:
        for topic in TOPICS:
            engine.preload(read_needs(read_template(SOURCES / topic / f"{topic}.ipynb")))
        yield engine


def _graded(engine: Engine, topic: str, notebook: Any) -> Report:
    template = read_template(SOURCES / topic / f"{topic}.ipynb")
    # this is no test of speed: no cell may fail for the time it takes
    limits = Limits(cell_seconds=100.0)
    return engine.grade(Submission(read_cells(notebook, template), template=template, limits=limits))


@pytest.mark.slow
@pytest.mark.sandbox
@pytest.mark.parametrize("topic", TOPICS)
def test_the_source_gets_full_marks(engine: Engine, topic: str) -> None:
    report = _graded(engine, topic, source(topic))
    assert report.outcome is Outcome.PASSED, report.message
    assert sum(cell.score or 0.0 for cell in report.cells) == full_marks(topic)
    assert all(cell.tamper_proof for cell in report.cells)


@pytest.mark.slow
@pytest.mark.sandbox
@pytest.mark.parametrize("topic", TOPICS)
def test_the_release_gets_nothing_and_every_test_says_something(engine: Engine, topic: str) -> None:
    notebook = release(topic)
    report = _graded(engine, topic, notebook)
    for place, cell in enumerate(notebook.cells):
        if is_test(cell):
            one = report.of(place)
            assert one is not None
            assert one.outcome in (Outcome.FAILED, Outcome.ERROR), (meta(cell)["grade_id"], one)
            assert one.score == 0.0, meta(cell)["grade_id"]
            assert one.outputs, meta(cell)["grade_id"]


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.thorough
@pytest.mark.timeout(900)
def test_validate_passes_on_the_sources_and_explains_on_the_releases(tmp_path: Path) -> None:
    """Real ``nbgrader validate``, in plain Jupyter kernels."""
    for topic in TOPICS:
        (tmp_path / "release").mkdir(exist_ok=True)
        nbformat.write(release(topic), tmp_path / "release" / f"{topic}.ipynb")

    def validate(paths: list[Path]) -> str:
        command = [
            sys.executable,
            "-m",
            "nbgrader",
            "validate",
            *map(str, paths),
            "--Execute.shutdown_kernel=immediate",
        ]
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=800, cwd=tmp_path, env=env, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    with ThreadPoolExecutor(2) as pool:
        solved, blank = pool.map(
            validate,
            (
                [SOURCES / topic / f"{topic}.ipynb" for topic in TOPICS],
                [tmp_path / "release" / f"{topic}.ipynb" for topic in TOPICS],
            ),
        )
    assert solved.count("Success") == len(TOPICS), solved[-3000:]
    parts = blank.split("VALIDATION FAILED ON ")[1:]
    assert len(parts) == len(TOPICS), blank[-3000:]
    for topic, said in zip(TOPICS, parts, strict=True):
        tests = [cell for cell in source(topic).cells if is_test(cell)]
        assert int(said.split()[0]) == len(tests), (topic, said)
        assert said.count("The following cell failed:") + said.count("The following") >= len(tests)
