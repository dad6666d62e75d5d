"""A program in a pseudo-terminal, and the screen that its user sees."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pexpect
import pyte

from tests.e2e.programs import SHOTS

_ROWS = 300
_ESCAPES = re.compile(r"\x1b\[[\d;?]*[a-zA-Z]")
_TAKEN = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE", "COLORTERM")


class Screen:
    """A program behind a terminal of some size.

    Args:
        command: the program and its arguments.
        columns: the width of its window.
        env: variables beside this process's own.
        cwd: where it starts.
    """

    def __init__(self, command: Sequence[str], columns: int, env: dict[str, str], cwd: Path, rows: int = _ROWS) -> None:
        kept = {name: value for name, value in os.environ.items() if name not in _TAKEN}
        self.rows = rows
        self.raw = b""
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.child: Any = pexpect.spawn(
            command[0],
            list(command[1:]),
            env={**kept, "TERM": "xterm-256color", **env},
            cwd=str(cwd),
            dimensions=(rows, columns),
            timeout=60,
        )

    def wait_for(self, text: str, seconds: float = 120.0) -> None:
        """Read until the last line that is not empty begins with a text and nothing more comes."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                data = self.child.read_nonblocking(1 << 16, 0.3)
            except pexpect.TIMEOUT:
                if (self.lines() or [""])[-1].lstrip().startswith(text):
                    return
                continue
            except pexpect.EOF:
                break
            self.raw += data
            self._stream.feed(data)
            if b"\x1b[6n" in data:  # where is the cursor?
                self.child.send(f"\x1b[{self._screen.cursor.y + 1};{self._screen.cursor.x + 1}R")
        if not (self.lines() or [""])[-1].lstrip().startswith(text):
            raise AssertionError(f"no {text!r} at the end of:\n" + "\n".join(self.lines()))

    def lines(self) -> list[str]:
        """What the screen shows, without empty lines at its end."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip().split("\n")

    @property
    def columns(self) -> int:
        """The width of its window."""
        return int(self._screen.columns)

    def longest_line(self, start: str) -> int:
        """The longest line that the program printed from one that begins so, before the terminal broke any."""
        text = _ESCAPES.sub("", self.raw.decode(errors="replace"))
        lines = text[text.rindex(f"\n{start}") + 1 :].split("\r\n\r")[0].split("\r\n")
        return max(map(len, lines))

    def resize(self, columns: int) -> None:
        """Make the window as wide as that."""
        self._screen.resize(self.rows, columns)
        self.child.setwinsize(self.rows, columns)

    def close(self) -> None:
        """End the program."""
        self.child.close(force=True)


class IPythonTerminal(Screen):
    """Real IPython, with torchmagic loaded."""

    def __init__(self, folder: Path, columns: int, env: dict[str, str] | None = None, *, rows: int = _ROWS) -> None:
        command = [sys.executable, "-m", "IPython", "--no-banner", "--no-confirm-exit", "--no-tip"]
        env = {"IPYTHONDIR": str(folder / "ipython"), **(env or {})}
        super().__init__(command, columns, env, folder, rows)
        self._count = 0
        self._prompt()
        self.cell("import torch\n%load_ext torchmagic\n_ = torch.manual_seed(0)")

    def cell(self, source: str) -> list[str]:
        """Run a cell; the lines that the screen shows below it, up to the next prompt."""
        start = len(self.lines()) - 1
        sent = len(self.raw)
        self.child.send(f"\x1b[200~{source}\x1b[201~")
        time.sleep(0.3)  # what is pasted has to be taken before the key that runs it
        self.child.send("\x1b\r" if "\n" in source or source.startswith("%%") else "\r")
        self._prompt()
        self.sent = self.raw[sent:]
        shown = self.lines()[start:-1]
        first = 1
        while first < len(shown) and shown[first].startswith(("   ...:", "      ⋮")):
            first += 1
        return "\n".join(shown[first:]).strip("\n").split("\n")

    def _prompt(self) -> None:
        self._count += 1
        self.wait_for(f"In [{self._count}]:")

    def shot(self, name: str) -> None:
        """Keep the screen as text among the screenshots."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        (SHOTS / f"{name}.txt").write_text("\n".join(self.lines()) + "\n")
