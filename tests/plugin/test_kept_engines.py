"""Engines that outlive one grading: shared, ended when idle, and ended with the program that they were kept for."""

from __future__ import annotations

import gc
import time
from pathlib import Path

import pytest
from traitlets.config import Configurable

from graders.engine.report import Cell, Outcome, Submission
from graders.nbgrader_plugin.kept_engines import KeptEngines, kept_for
from torchmagic.errors import TorchmagicError

pytestmark = pytest.mark.slow

SUBMISSION = Submission(cells=(Cell(0, "x = 1", "student"), Cell(1, "assert x == 1", "test", 1.0, "q1")))


def test_one_engine_grades_again_and_again_and_ends_when_nobody_asks_for_it(tmp_path: Path) -> None:
    kept = KeptEngines(idle_seconds=0.2)
    with kept.lend("process", tmp_path) as engine, kept.lend("process", tmp_path) as same:
        assert engine is same
        assert [engine.grade(SUBMISSION).outcome for _ in range(2)] == [Outcome.PASSED] * 2
        time.sleep(0.4)
        assert len(kept) == 1, "it is lent"
    while len(kept):
        time.sleep(0.05)
    with pytest.raises(TorchmagicError, match="not running"):
        engine.grade(SUBMISSION)
    with kept.lend("process", tmp_path) as another:
        assert another is not engine
        assert another.grade(SUBMISSION).outcome is Outcome.PASSED
    kept.close()
    assert len(kept) == 0


def test_an_engine_that_something_went_wrong_with_is_not_kept(tmp_path: Path) -> None:
    kept = KeptEngines()
    with pytest.raises(KeyError), kept.lend("process", tmp_path):
        raise KeyError
    assert len(kept) == 0


def test_engines_end_with_their_program(tmp_path: Path) -> None:
    program = Configurable()
    kept = kept_for(Configurable(parent=program))
    with kept.lend("process", tmp_path):
        pass
    assert len(kept) == 1
    del program
    gc.collect()
    assert len(kept) == 0
