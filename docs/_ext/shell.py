"""The directive ``{shell}``: runs a page's commands while it is built, and shows them with what they really print.

The commands of one page run one after the other in a home folder of the page's own, which is empty at first and is
removed with the build. A command that ends otherwise than the page says is an error of the build.
"""

from __future__ import annotations

import getpass
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from nbformat import read, write
from nbformat.v4 import new_code_cell, new_notebook
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

SHOWN_USER = "ada"
SHOWN_HOME = f"/home/{SHOWN_USER}"
_SECONDS = 300
_NOISE = re.compile(r"IPKernelApp\] WARNING")  # of kernels, about this machine
_WHERE = "/.where"
_KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


class NotebookCell(SphinxDirective):
    """``:::{notebook-cell} PATH ID``: shows code, and writes it into a cell of a notebook below the page's home.

    A notebook or cell that is not there yet is made; ``:solution:`` and ``:points: 2`` say what nbgrader takes it for.
    """

    required_arguments = 2
    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {"solution": directives.flag, "points": float}

    def run(self) -> list[nodes.Node]:
        """Write the cell, and show it."""
        source = "\n".join(self.content)
        path, name = _home(self.env.app, self.env.docname) / self.arguments[0], self.arguments[1]
        notebook = read(path, as_version=4) if path.exists() else new_notebook(metadata=_KERNEL)
        cell = next((each for each in notebook.cells if each.id == name), None)
        if cell is None:
            cell = new_code_cell(id=name, metadata=self._metadata(name))
            notebook.cells.append(cell)
        cell.source = source
        path.parent.mkdir(parents=True, exist_ok=True)
        write(notebook, path)
        block = nodes.literal_block(source, source, language="python")
        self.set_source_info(block)
        return [block]

    def _metadata(self, name: str) -> dict[str, Any]:
        solution, points = "solution" in self.options, self.options.get("points")
        graded = points is not None
        said = {"grade_id": name, "solution": solution, "grade": graded, "locked": not solution, "task": False}
        return {"nbgrader": {**said, "schema_version": 3, **({"points": points} if graded else {})}}


class Shell(SphinxDirective):
    """Lines of a shell; a line that ends in a backslash goes on in the next.

    ``:status: 1`` expects that exit status; ``:last: 5`` shows the last lines of each output only; ``:silent:`` shows
    the commands alone.
    """

    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {
        "status": directives.nonnegative_int,
        "last": directives.positive_int,
        "silent": directives.flag,
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
        block = nodes.literal_block("\n".join(shown), "\n".join(shown), language="console", force=True)
        self.set_source_info(block)
        return [block]


class Script(SphinxDirective):
    """``:::{script}``: shows Python, runs it where the page's last command ended, and shows what it prints."""

    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """Run the text, and show it with its output."""
        source = "\n".join(self.content)
        home = _home(self.env.app, self.env.docname)
        (home / ".script.py").write_text(source, encoding="utf-8")
        status, output = run(f"python -W ignore '{home}/.script.py'", home)
        if status:
            raise self.error(f"This script ended with {status}:\n{output}")
        shown = [nodes.literal_block(source, source, language="python")]
        if output.strip():
            shown.append(nodes.literal_block(output, output.rstrip(), language="text"))
        for block in shown:
            self.set_source_info(block)
        return [*shown]


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
    folder = where.read_text().strip() if where.exists() else str(home)
    program = Path(sys.executable).parent
    environment = {
        "PATH": os.pathsep.join([str(program), os.environ.get("PATH", "/usr/bin:/bin")]),
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "HOME": str(home),
        "USER": SHOWN_USER,
        "LANG": "C.UTF-8",
        "COLUMNS": "100",
        "TERM": "dumb",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    script = (
        f"cd '{folder}' && {{ {command.replace(SHOWN_HOME, str(home))}\n}}; status=$?; pwd > '{where}'; exit $status"
    )
    done = subprocess.run(
        ["bash", "-c", script],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=_SECONDS,
    )
    output = done.stdout.replace(str(home), SHOWN_HOME)
    output = re.sub(rf"\b{re.escape(getpass.getuser())}\b", SHOWN_USER, output)  # nbgrader asks the system for it
    return done.returncode, "".join(line for line in output.splitlines(True) if not _NOISE.search(line))


def _home(app: Sphinx, docname: str) -> Path:
    home = Path(app.config.torchmagic_homes) / docname.replace("/", "-")
    home.mkdir(exist_ok=True)
    return home


def _make_homes(app: Sphinx) -> None:
    app.config.torchmagic_homes = tempfile.mkdtemp(prefix="torchmagic-docs-")  # before Sphinx forks readers


def _remove_homes(app: Sphinx, error: Exception | None) -> None:
    shutil.rmtree(app.config.torchmagic_homes, ignore_errors=True)


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("shell", Shell)
    app.add_directive("notebook-cell", NotebookCell)
    app.add_directive("script", Script)
    app.add_config_value("torchmagic_homes", "", "", str)
    app.connect("builder-inited", _make_homes)
    app.connect("build-finished", _remove_homes)
    return {"version": "1", "parallel_read_safe": True}
