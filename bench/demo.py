"""The demo's grading part against its limit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from bench.figures import Figure

LIMIT = 20.0
_SECONDS = 600


def measure(folder: Path) -> list[Figure]:
    """Run `torchmagic demo` as it is, and take the seconds that it says grading took."""
    program = Path(sys.executable).parent / "torchmagic"
    subprocess.run([str(program), "demo", str(folder)], check=True, capture_output=True, timeout=_SECONDS)
    said = json.loads((folder / "demo.json").read_text(encoding="utf-8"))
    name = f"the demo's grading, {said['submissions']} submissions"
    return [Figure(name, said["grading_seconds"], LIMIT, "limit", "s", 1.0, "within")]
