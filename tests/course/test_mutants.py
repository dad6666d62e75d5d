"""Every mutant gets the score, the outcome and the words that it must get; honest ones the same as from plain nbgrader."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest

from graders.engine.hidden import hidden_lines
from graders.mutants import Mutant
from graders.nbgrader_plugin.course import Course

from .conftest import MUTANTS, SOURCES, TOPICS, Graded, hand_all_in

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.sandbox]

ALL = [pytest.param(topic, mutant, id=f"{topic}-{mutant.name}") for topic in TOPICS for mutant in MUTANTS[topic]]
_PLUGIN = "from graders.nbgrader_plugin import configure; configure(c)\n"


@pytest.mark.parametrize(("topic", "mutant"), ALL)
def test_score_outcome_and_words(graded: Graded, topic: str, mutant: Mutant) -> None:
    row = graded.rows[topic, mutant.name]
    assert (row.score or 0.0, row.outcome) == (pytest.approx(mutant.score), mutant.outcome), row.message
    if mutant.says:
        said = "\n".join(graded.outputs(topic, mutant.name).values())
        assert mutant.says in said, said


@pytest.mark.parametrize("topic", TOPICS)
def test_no_feedback_holds_a_line_of_a_hidden_test(graded: Graded, topic: str) -> None:
    secret, visible = set(), set()
    for cell in nbformat.read(SOURCES / topic / f"{topic}.ipynb", as_version=4).cells:
        lines = cell.source.splitlines()
        hidden = hidden_lines(cell.source)
        secret |= {lines[number - 1].strip() for number in hidden}
        visible |= {line.strip() for number, line in enumerate(lines, 1) if number not in hidden}
    secret = {line for line in secret - visible if len(line) > 12 and not line.startswith(("#", "import", "from"))}
    assert len(secret) > 10
    for mutant in MUTANTS[topic]:
        for shown in graded.outputs(topic, mutant.name).values():
            assert not [line for line in secret if line in shown], mutant.name


def test_the_class_is_mixed() -> None:
    everyone = [mutant for topic in TOPICS for mutant in MUTANTS[topic]]
    kinds = [mutant.kind for mutant in everyone]
    assert kinds.count("hostile") >= 12
    assert kinds.count("partial") >= 10
    assert {"right", "blank", "broken"} <= set(kinds)
    for topic in TOPICS:
        best = max(mutant.score for mutant in MUTANTS[topic])
        assert {m.score for m in MUTANTS[topic] if m.kind == "right"} == {best}
        assert all(m.score == 0 for m in MUTANTS[topic] if m.kind in ("hostile", "blank"))


def _some_honest(topic: str) -> list[Mutant]:
    """What plain nbgrader grades too: test_trials.py has tried the others in one process, without kernels."""
    honest = [mutant for mutant in MUTANTS[topic] if mutant.honest]
    right = [mutant for mutant in honest if mutant.kind == "right"][-1:]
    partial = sorted((mutant for mutant in honest if mutant.kind == "partial"), key=lambda mutant: -len(mutant.answers))
    return [*right, *partial[:2]]


@pytest.mark.thorough
@pytest.mark.timeout(900)
def test_plain_nbgrader_gives_honest_work_the_same_score(graded: Graded, tmp_path: Path) -> None:
    """Real ``nbgrader autograde`` without the plugin, a process for each assignment."""
    honest = {topic: _some_honest(topic) for topic in TOPICS}

    def autograde(topic: str) -> str:
        """What it said, where it did not end well."""
        folder = tmp_path / topic
        config = folder / "nbgrader_config.py"
        text = config.read_text()
        assert _PLUGIN in text
        plain = text.replace(_PLUGIN, "").replace("timeout = 10", "timeout = 100")
        config.write_text(plain + '\nc.Execute.shutdown_kernel = "immediate"\n')
        command = [sys.executable, "-m", "nbgrader", "autograde", topic]
        env = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=env, timeout=800, check=False)
        return done.stderr[-3000:] if done.returncode else ""

    for topic in TOPICS:
        hand_all_in(tmp_path / topic, {topic: honest[topic]})
    with ThreadPoolExecutor(2) as pool:
        said = dict(zip(TOPICS, pool.map(autograde, TOPICS), strict=True))
    for topic in TOPICS:
        assert not said[topic]
        plain = {entry.student: entry.score for entry in Course(tmp_path / topic).scores(topic).values()}
        ours = {mutant.name: graded.rows[topic, mutant.name].score for mutant in honest[topic]}
        assert plain == ours
