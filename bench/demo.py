"""`make demo` in a fresh clone against its limits: the whole with its installation, and its grading part."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from bench.figures import Figure

ROOT = Path(__file__).resolve().parents[1]
WHOLE, GRADING = 300.0, 20.0
_SECONDS = 1200


def measure(folder: Path) -> list[Figure]:
    """Clone the last commit and do there what a newcomer does; packages come from pip's cache, if they are there."""
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True, timeout=_SECONDS)
    command = ["make", "demo", f"PYTHON={Path(sys.base_prefix) / 'bin' / 'python3'}"]
    start = time.monotonic()
    subprocess.run(command, cwd=clone, check=True, capture_output=True, timeout=_SECONDS)
    seconds = time.monotonic() - start
    said = json.loads((clone / "demo-course" / "demo.json").read_text(encoding="utf-8"))
    grading = f"the demo's grading, {said['submissions']} submissions"
    return [
        Figure("make demo, installation included", seconds, WHOLE, "limit", "s", 1.0, "within"),
        Figure(grading, said["grading_seconds"], GRADING, "limit", "s", 1.0, "within"),
    ]
