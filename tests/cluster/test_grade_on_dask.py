"""`torchmagic grade --scheduler` on a real course: the gradebook says what it would say without a cluster."""

from __future__ import annotations

import pytest

from tests.cli.conftest import RIGHT, WRONG, Classroom, Run, classroom, generated, run
from tests.cluster.conftest import Cluster

__all__ = ["classroom", "generated", "run"]  # fixtures
pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.sandbox]


def test_grade_on_a_cluster_and_again_where_there_is_none(run: Run, classroom: Classroom, cluster: Cluster) -> None:
    worker = cluster.start_worker()
    classroom.hands_in("ada", RIGHT)
    classroom.hands_in("bob", WRONG)
    classroom.hands_in("eve", "import os\nos.kill(os.getppid(), 9)\ndef double(x):\n    return 2 * x")
    classroom.hands_in("zoe", b"no notebook")
    result = run("grade", "ps1", "--course", classroom.folder, "--scheduler", cluster.file)
    assert result.exit_code == 1, result.output
    assert "3 run, 0 unchanged" in result.output or "Graded 3 of 4 submissions" in result.output
    scores = {entry.student: entry.score for entry in classroom.course.scores("ps1").values()}
    assert (scores["ada"], scores["bob"]) == (2.0, 0.0)
    for process in (worker, cluster.scheduler):
        process.kill()
        process.wait()
    lost = run("grade", "ps1", "--course", classroom.folder, "--scheduler", "tcp://127.0.0.1:9", "--fresh")
    assert lost.exit_code == 2
    assert "The Dask scheduler at tcp://127.0.0.1:9 cannot be reached" in lost.output
    again = run("grade", "ps1", "--course", classroom.folder)
    assert "0 run, 3 unchanged" in again.output
