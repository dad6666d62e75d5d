"""Fuzz the judge's decoder with libFuzzer: `python -m fuzz [libFuzzer's options] [folder for what is found]`."""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["graders.engine"]):
    from fuzz.judge import one_input

import torch

_HERE = Path(__file__).resolve().parent


def main() -> None:
    """Fuzz until libFuzzer's options say that it is enough; what is found is reported, and stored as `crash-*`."""
    torch.set_num_threads(1)
    options = [f"-dict={_HERE / 'judge.dict'}", "-timeout=10", "-rss_limit_mb=2048", "-max_len=4096"]
    atheris.Setup([sys.argv[0], *options, *sys.argv[1:], str(_HERE / "seeds")], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
