"""`%torchmagic tour` in a notebook, where a student has no terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.see.shell_run import text
from torchmagic.tour import NOTEBOOK


def test_the_tour_comes_beside_the_notebook_and_overwrites_nothing(
    shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert str(tmp_path / "tour.ipynb") in text(shell, "%torchmagic tour")
    (tmp_path / "tour.ipynb").write_text("my work")
    assert "--force" in text(shell, "%torchmagic tour")
    assert "my tour.ipynb" in text(shell, '%torchmagic tour "my tour.ipynb"')
    assert (tmp_path / "my tour.ipynb").read_bytes() == NOTEBOOK.read_bytes()
    assert (tmp_path / "tour.ipynb").read_text() == "my work"
    text(shell, "%torchmagic tour --force")
    assert (tmp_path / "tour.ipynb").read_bytes() == NOTEBOOK.read_bytes()
