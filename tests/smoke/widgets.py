"""The extra ``[widgets]`` in use: run by the interpreter in which it is installed (``python -I tests/smoke/widgets.py``)."""

from __future__ import annotations

import sys
import warnings

import torch

import torchmagic

_VIEW = "application/vnd.jupyter.widget-view+json"


def main() -> None:
    x = torch.tensor(2.0, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # there is no kernel to send to
        widget = torchmagic.trace((x * 3) ** 2, x=x).widget()
        shown = widget._repr_mimebundle_()
    data = shown[0] if isinstance(shown, tuple) else shown
    if not {_VIEW, "text/html", "text/plain"} <= set(data):
        sys.exit(f"{sys.executable}: the widget shows itself as {sorted(data)} only")
    if "Pow" not in data["text/plain"] or "<svg" not in widget.svg:
        sys.exit(f"{sys.executable}: the widget draws no graph")
    print(f"widgets: a graph is one, in {sys.executable}: good")


if __name__ == "__main__":
    main()
