"""A class graded on a real Dask cluster by the real command, whose scheduler and worker are killed meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import Cluster

from .conftest import STUDENTS, grade, left_in, start

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.sandbox, pytest.mark.thorough]


def test_the_scheduler_is_killed_while_a_class_is_graded(
    course: Path, tmp_path: Path, undisturbed: list[tuple[Any, ...]]
) -> None:
    """The run ends and says how to go on; on the cluster that comes back nothing is run twice."""
    (tmp_path / "dask").mkdir()
    cluster = Cluster(tmp_path / "dask")
    try:
        worker = cluster.start_worker()
        process = start(course, "--scheduler", cluster.address)
        assert process.stdout is not None
        while not (line := process.stdout.readline()).startswith("["):
            assert line, "it ended before the first submission was graded"
        cluster.scheduler.kill()
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 2, said
        assert "is gone" in said
        assert "what was finished is kept" in said
        stored = len(list((course / ".torchmagic" / "store").glob("??/*.json.z")))
        cluster.scheduler.wait()
        worker.kill()
        cluster.start_scheduler()
        cluster.start_worker()
        done = grade(course, "--scheduler", cluster.address)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"({len(STUDENTS) - stored} run, " in done.stdout.splitlines()[-1]
        assert left_in(course) == undisturbed
    finally:
        cluster.close()
