"""The real programs of the journeys: a Jupyter server with a configuration of its own, and a browser's pages."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from tests.see.test_graph_browser import BROWSERS

#: Where pictures of the pages go; git ignores it.
SHOTS = Path(__file__).parents[2] / "shots" / "e2e"
TOKEN = "journey"
START_SECONDS = 90
Theme = Literal["light", "dark"]


def chromium() -> str:
    """The browser's path; a journey without one fails, and says what to install."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.fail("The journeys need a browser: install Chromium (on Debian: apt-get install chromium).")
    return found


def until(true: Any, seconds: float = 60, what: str = "") -> Any:
    """The first true result of calling ``true``, again and again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = true()
        if result:
            return result
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what or true}")


@dataclasses.dataclass(frozen=True)
class Home:
    """A user's home folder, with Jupyter's settings of that user alone."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What programs started for this user get: this interpreter's programs first, no settings of anybody else."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "NBGRADER", "PYTEST", "IPYTHON"))}
        return {
            **kept,
            "HOME": str(self.folder),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "JUPYTER_CONFIG_DIR": str(self.folder / ".jupyter"),
            "JUPYTER_DATA_DIR": str(self.folder / ".local/share/jupyter"),
            "JUPYTER_RUNTIME_DIR": str(self.folder / ".local/share/jupyter/runtime"),
            "IPYTHONDIR": str(self.folder / ".ipython"),
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        }

    def set_theme(self, theme: Theme) -> None:
        """JupyterLab's and Notebook's theme from their next start on."""
        name = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}[theme]
        settings = self.folder / ".jupyter/lab/user-settings/@jupyterlab/apputils-extension"
        settings.mkdir(parents=True, exist_ok=True)
        (settings / "themes.jupyterlab-settings").write_text(json.dumps({"theme": name}))

    def quiet(self) -> None:
        """No question about news on the first start."""
        labconfig = self.folder / ".jupyter/labconfig"
        labconfig.mkdir(parents=True, exist_ok=True)
        page = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
        (labconfig / "page_config.json").write_text(json.dumps(page))


@dataclasses.dataclass(frozen=True)
class Server:
    """A running Jupyter server."""

    url: str
    home: Home
    log: Path

    def at(self, path: str) -> str:
        """The address of a page, e.g. ``lab/tree/tour.ipynb``, ``notebooks/tour.ipynb``, ``formgrader``."""
        return f"{self.url}/{path}{'&' if '?' in path else '?'}token={TOKEN}"


@contextlib.contextmanager
def jupyter(
    program: Literal["lab", "notebook"],
    folder: Path,
    home: Home,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """`jupyter lab` or `jupyter notebook` in ``folder``, until it answers; ended after use."""
    home.folder.mkdir(parents=True, exist_ok=True)
    home.quiet()
    log = home.folder / f"{program}.log"
    command = [
        *(sys.executable, "-m", "jupyter", program, "--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0"),
        *("--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}", "--LabApp.extension_manager=readonly"),
        *(f"--ServerApp.root_dir={folder}", *arguments),
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**home.environment, **(environment or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        try:

            def answers() -> str | None:
                if process.poll() is not None:
                    raise AssertionError(f"jupyter {program} ended:\n{log.read_text()[-3000:]}")
                found = re.search(r"http://127\.0\.0\.1:(\d+)/", log.read_text(errors="replace"))
                if found is None:
                    return None
                url = f"http://127.0.0.1:{found[1]}"
                try:
                    urllib.request.urlopen(f"{url}/api/status?token={TOKEN}", timeout=5).close()
                except (urllib.error.URLError, OSError):
                    return None
                return url

            yield Server(until(answers, START_SECONDS, f"jupyter {program} answers"), home, log)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def lend_chromium(folder: Path) -> None:
    """A folder in which Playwright finds the installed browser, where it looks for one that it has downloaded."""
    code = (
        "from playwright.sync_api import sync_playwright\n"
        "with sync_playwright() as p:\n"
        "    try:\n        p.chromium.launch()\n"
        "    except Exception as error:\n        print(error)"
    )
    environment = {**os.environ, "PLAYWRIGHT_BROWSERS_PATH": str(folder)}
    said = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"Executable doesn't exist at (\S+)", said)
    assert found is not None, said
    Path(found[1]).parent.mkdir(parents=True)
    Path(found[1]).symlink_to(chromium())


@dataclasses.dataclass(frozen=True)
class Visitor:
    """A person at a browser."""

    browser: Browser
    name: str

    @contextlib.contextmanager
    def page(self, theme: Theme = "light", width: int = 1280, height: int = 900, **more: Any) -> Iterator[Page]:
        """A page in a window of its own, with the system's theme, without animations."""
        context: BrowserContext = self.browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce", **more
        )
        context.set_default_timeout(60_000)
        try:
            yield context.new_page()
        finally:
            context.close()

    def shot(self, page: Page, what: str, **more: Any) -> Path:
        """Store a picture of what the page shows, to be looked at."""
        path = SHOTS / self.name / f"{what}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=path, **more)
        return path


def violations(page: Page, selector: str) -> list[str]:
    """What axe-core finds wrong in the part of the page, one line each."""
    found = Axe().run(page, context=selector).response["violations"]
    return [f"{each['id']}: {each['help']}: {node['html'][:200]}" for each in found for node in each["nodes"]]
