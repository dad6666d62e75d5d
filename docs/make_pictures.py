"""Take the README's pictures: run the tour in a real kernel and photograph what the magics gave, with Chromium.

python docs/make_pictures.py [--chromium PROGRAM]
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat

from graders.tour import run_tour
from torchmagic.tour import NOTEBOOK

ROOT = Path(__file__).resolve().parents[1]
PICTURES = {"tensorinfo": "tour-scores", "gradtrace": "tour-step"}
WIDTH = 900
_PAGE = """<!doctype html><meta charset="utf-8"><title></title>
<style>body {{ margin: 0; padding: 14px; width: max-content; max-width: {width}px; background: #fff; color: #111;
font: 14px system-ui, sans-serif }}
body:has(.tm-wide) {{ min-width: 775px }}  /* a region that scrolls asks for no width of its own */
pre {{ margin: 0 0 12px; padding: 8px 12px; background: #f5f5f5; border: 1px solid #ddd;
font: 13px/1.45 ui-monospace, "DejaVu Sans Mono", monospace }}</style>
<body><pre>{source}</pre>{output}
<script>const b = document.body.getBoundingClientRect();
document.title = "size " + Math.ceil(b.width) + " " + Math.ceil(b.height)</script></body>"""


def main() -> int:
    """Take all pictures; 0 on success."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    program = parser.parse_args().chromium
    if program is None:
        print("There is no Chromium here: name one with --chromium PROGRAM.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run_tour(NOTEBOOK, folder / "tour.ipynb")
        notebook = nbformat.read(folder / "tour.ipynb", as_version=4)
        for picture, cell_id in PICTURES.items():
            (cell,) = [cell for cell in notebook.cells if cell.id == cell_id]
            page = folder / f"{picture}.html"
            page.write_text(_page(cell), encoding="utf-8")
            target = ROOT / "docs" / "img" / f"{picture}.png"
            _photograph(program, page, target, folder)
            print(target.relative_to(ROOT))
    return 0


def _page(cell: nbformat.NotebookNode) -> str:
    shown = [output.data["text/html"] for output in cell.outputs if "text/html" in output.get("data", {})]
    source = cell.source.replace("&", "&amp;").replace("<", "&lt;")
    return _PAGE.format(width=WIDTH, source=source, output="".join(shown))


def _photograph(program: str, page: Path, target: Path, folder: Path) -> None:
    """First ask the page for its size, then take it at that size and twice the resolution."""
    dom = _chromium(program, folder, "--dump-dom", f"--window-size={WIDTH + 40},2000", str(page))
    size = re.search(r"<title>size (\d+) (\d+)</title>", dom)
    if size is None:
        raise RuntimeError(f"Chromium did not lay out {page}")
    window = f"--window-size={int(size[1]) + 28},{int(size[2])}"
    _chromium(program, folder, f"--screenshot={target}", window, "--force-device-scale-factor=2", str(page))


def _chromium(program: str, folder: Path, *arguments: str) -> str:
    fixed = "--headless --no-sandbox --disable-gpu --hide-scrollbars --no-first-run --disable-background-networking"
    command = [program, *fixed.split(), f"--user-data-dir={folder / 'profile'}", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


if __name__ == "__main__":
    sys.exit(main())
