"""Compare text, HTML and SVG with a stored golden file, or rewrite the file on request."""

from __future__ import annotations

import os
import re
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"
REWRITE = "TORCHMAGIC_REWRITE_GOLDEN"

_MASKS = (
    (re.compile(r"0x[0-9a-fA-F]{6,}"), "0xADDRESS"),
    (re.compile(r"\b\d+(\.\d+)? ?(ms|µs|s)\b"), "TIME"),
)


def assert_golden(text: str, name: str) -> None:
    """Demand that ``text`` equals ``tests/golden/<name>``, with addresses and times masked.

    Set TORCHMAGIC_REWRITE_GOLDEN=1 to store ``text`` as the new golden file; then read the diff.
    """
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    path = GOLDEN / name
    if os.environ.get(REWRITE):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return
    assert path.exists(), f"{path} is missing: run once with {REWRITE}=1 and read what it stored"
    assert text == path.read_text(encoding="utf-8"), f"{path} differs: rerun with {REWRITE}=1 and read the diff"
