"""An IPython shell of this process, with the magics loaded; and a live watch that is in no hurry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="module")
def loaded() -> Iterator[Any]:
    from IPython.core.interactiveshell import InteractiveShell

    shell: Any = InteractiveShell.instance()
    shell.run_cell("%load_ext torchmagic")
    yield shell
    shell.run_cell("%unload_ext torchmagic")
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()


@pytest.fixture
def shell(loaded: Any) -> Any:
    for name in [name for name in loaded.user_ns if not name.startswith("_")]:
        del loaded.user_ns[name]
    loaded.run_cell("import torch\nfrom torch import nn\nfrom torch.nn import functional as F")
    return loaded


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step of a loop is looked at, however slow the computer is."""
    from torchmagic.observe import live_watch

    monkeypatch.setattr(live_watch, "_FREE", 1e9)
