"""The settings that docs/howto/jupyterhub.md hands out load, and name what there is; tests/e2e tries the whole hub."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import nbformat.v4 as v4
import pytest
from nbconvert.exporters import HTMLExporter
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from graders.nbgrader_plugin.collect import CarefulCollect
from graders.nbgrader_plugin.exchange import exchange_step

FILES = Path(__file__).parents[2] / "docs" / "howto" / "jupyterhub"


def _load(*names: str) -> Config:
    config = Config()
    for name in names:
        config.merge(PyFileConfigLoader(str(FILES / name)).load_config())
    return config


def test_graders_collect_with_care_and_look_without_danger() -> None:
    config = _load("everybody/nbgrader_config.py", "grader/nbgrader_config.py")
    coursedir = CourseDirectory(config=config)
    collect = exchange_step(config, "Collect", coursedir)
    assert isinstance(collect, CarefulCollect)
    assert collect.accounts
    assert collect.root == "/srv/nbgrader/exchange"
    assert coursedir.course_id == "torch101"
    exporter = HTMLExporter(config=config)
    page, _ = exporter.from_notebook_node(_shows("<b>seen</b><script>ran()</script>"))
    assert "<b>seen</b>" in page
    assert "ran()" not in page
    page, _ = HTMLExporter().from_notebook_node(_shows("<script>ran()</script>"))
    assert "ran()" in page


def _shows(html: str) -> object:
    output = v4.new_output("display_data", {"text/html": html})
    return v4.new_notebook(cells=[v4.new_code_cell("show()", outputs=[output])])


def test_the_hub_starts_nobody_as_itself() -> None:
    config = _load("jupyterhub_config.py")
    assert config.JupyterHub.spawner_class == "simple"
    assert callable(config.Spawner.pre_spawn_hook)


@pytest.mark.parametrize("path", [*FILES.rglob("*.json"), *FILES.rglob("*.sh")], ids=lambda path: path.name)
def test_the_other_files_are_well_formed(path: Path) -> None:
    if path.suffix == ".json":
        assert json.loads(path.read_text())
    else:
        assert subprocess.run(["sh", "-n", str(path)], check=False).returncode == 0
