"""The directive ``{shell}``: runs a page's commands while it is built, and shows them with what they really print.

The commands of one page run one after the other in a home folder of the page's own, which is empty at first and is
removed with the build. A command that ends otherwise than the page says is an error of the build.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

log = logging.getLogger(__name__)
SHOWN_HOME = "/home/ada"
_SECONDS = 300
_WHERE = "/.where"


class Shell(SphinxDirective):
    """Lines of a shell; a line that ends in a backslash goes on in the next.

    ``:status: 1`` expects that exit status; ``:last: 5`` shows the last lines of each output only; ``:silent:`` shows
    the commands alone; ``:hidden:`` shows nothing.
    """

    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {
        "status": directives.nonnegative_int,
        "last": directives.positive_int,
        "silent": directives.flag,
        "hidden": directives.flag,
    }

    def run(self) -> list[nodes.Node]:
        """Run the commands, and give the literal block."""
        home = _home(self.env.app, self.env.docname)
        shown: list[str] = []
        for command in commands("\n".join(self.content)):
            status, output = run(command, home)
            if status != self.options.get("status", 0):
                raise self.error(f"`{command}` ended with {status}:\n{output}")
            shown.append(f"$ {command}")
            shown += [] if "silent" in self.options else kept(output, self.options.get("last"))
        if "hidden" in self.options:
            return []
        block = nodes.literal_block("\n".join(shown), "\n".join(shown), language="console")
        self.set_source_info(block)
        return [block]


def commands(text: str) -> list[str]:
    r"""The commands in a text, each with the lines that belong to it.

    >>> commands("a \\\n  b\n\nc")
    ['a \\\n  b', 'c']
    """
    found: list[str] = []
    for line in text.splitlines():
        if found and found[-1].endswith("\\"):
            found[-1] += f"\n{line}"
        elif line.strip():
            found.append(line)
    return found


def kept(output: str, last: int | None) -> list[str]:
    """The lines of an output that are shown.

    >>> kept("a\\nb\\nc\\n", 1)
    ['…', 'c']
    """
    lines = output.rstrip().splitlines()
    return lines if last is None or len(lines) <= last else ["…", *lines[-last:]]


def run(command: str, home: Path) -> tuple[int, str]:
    """Run a command where the one before it ended; its exit status and output, with the shown name of the home."""
    where = Path(f"{home}{_WHERE}")
    folder = where.read_text() if where.exists() else str(home)
    program = Path(sys.executable).parent
    environment = {
        "PATH": os.pathsep.join([str(program), os.environ.get("PATH", "/usr/bin:/bin")]),
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "HOME": str(home),
        "USER": "ada",
        "LANG": "C.UTF-8",
        "COLUMNS": "100",
        "TERM": "dumb",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    script = f"cd '{folder}' && {{ {command}\n}}; status=$?; pwd > '{where}'; exit $status"
    done = subprocess.run(
        ["bash", "-c", script],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=_SECONDS,
    )
    return done.returncode, done.stdout.replace(str(home), SHOWN_HOME)


def _home(app: Sphinx, docname: str) -> Path:
    folders: dict[str, Path] = app.__dict__.setdefault("torchmagic_homes", {})
    if docname not in folders:
        folders[docname] = Path(tempfile.mkdtemp(prefix="torchmagic-docs-"))
    return folders[docname]


def _remove_homes(app: Sphinx, error: Exception | None) -> None:
    for folder in app.__dict__.get("torchmagic_homes", {}).values():
        shutil.rmtree(folder, ignore_errors=True)


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("shell", Shell)
    app.connect("build-finished", _remove_homes)
    return {"version": "1", "parallel_read_safe": False}
