"""Seeing graphs: what watching a cell's forward and backward passes costs, and what drawing their graphs takes."""

from __future__ import annotations

import importlib.util
import statistics
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from types import CodeType
from typing import Any

from bench.figures import Figure

_TURNS = 15
_FEW = 5
_BACKWARD = "loss = model(x).pow(2).mean()\nloss.backward()"
_MODELS = {
    "12-layer transformer": (
        "layer = nn.TransformerEncoderLayer(256, 8, 1024, batch_first=True)\n"
        "model = nn.TransformerEncoder(layer, 12, enable_nested_tensor=False)\nx = torch.randn(8, 64, 256)"
    ),
    "small 12-layer transformer": (
        "layer = nn.TransformerEncoderLayer(128, 8, 512, batch_first=True)\n"
        "model = nn.TransformerEncoder(layer, 12, enable_nested_tensor=False)\nx = torch.randn(4, 32, 128)"
    ),
    "200-layer MLP": (
        "model = nn.Sequential(*[m for _ in range(200) for m in (nn.Linear(64, 64), nn.ReLU())])\n"
        "x = torch.randn(32, 64)\n"
        "for m in model[::2]:\n    nn.init.kaiming_normal_(m.weight, nonlinearity='relu')"  # or nothing arrives
    ),
}
_CHAIN = "t = torch.tensor(1., requires_grad=True)\ns = t\nfor _ in range(10_000):\n    s = s * 1.0001\ns.backward()"
_LOOP = (
    "for step in range(500):\n    opt.zero_grad()\n    loss = model(x).pow(2).mean()\n"
    "    loss.backward()\n    opt.step()"
)
_TRAINING = (
    "model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))\n"
    "x = torch.randn(32, 64)\nopt = torch.optim.SGD(model.parameters(), lr=1e-3)"
)


def measure(folder: Path) -> list[Figure]:
    """All figures of graphs, in one thread; ``folder`` is not needed."""
    with _one_thread():
        return [*_overheads(), *_chain(), *_pictures(), *_memory()]


@contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_num_threads(threads)


def _prepared(source: str) -> dict[str, Any]:
    import torch

    torch.manual_seed(0)
    names: dict[str, Any] = {"__name__": "__main__", "torch": torch, "nn": torch.nn}
    exec(source, names)
    return names


def _run(code: CodeType, names: dict[str, Any]) -> None:
    exec(code, names)


def _watched(code: CodeType, names: dict[str, Any]) -> Any:
    from torchmagic.observe.graph import GraphWatch

    with GraphWatch() as watch:
        exec(code, names)
    return watch.record(names, ["loss", "s"])


def _by_turns(names: dict[str, Any], turns: int, *functions: Callable[[], object]) -> list[float]:
    """Median seconds of each, run one after the other; gradients are cleared in between, as a step would."""
    found: list[list[float]] = [[] for _ in functions]
    for turn in range(turns + 2):
        for function, seconds in zip(functions, found, strict=True):
            if "model" in names:
                names["model"].zero_grad()
            start = perf_counter()
            function()
            if turn > 1:
                seconds.append(perf_counter() - start)
    return [statistics.median(seconds) for seconds in found]


def _against(name: str, ours: float, other: float, other_name: str, goal: float) -> Figure:
    return Figure(name, ours * 1e3, other * 1e3, other_name, "ms", goal, "within")


def _limit(name: str, ours: float, limit: float, unit: str) -> Figure:
    return Figure(name, ours, limit, "limit", unit, 1.0, "within")


def _overheads() -> list[Figure]:
    figures = []
    code = compile(_BACKWARD, "<cell>", "exec")
    goals = {"12-layer transformer": 1.15, "small 12-layer transformer": 1.5, "200-layer MLP": 2.0}
    for model, goal in goals.items():
        names = _prepared(_MODELS[model])
        plain, ours = _by_turns(names, _TURNS, lambda n=names: _run(code, n), lambda n=names: _watched(code, n))  # type: ignore[misc]
        name = f"{model}, forward, backward and record"
        figures.append(_against(name, ours, plain, "without", goal))
        figures += _peers(name, names, ours)
    names = _prepared(_TRAINING)
    loop = compile(_LOOP, "<cell>", "exec")
    plain, ours = _by_turns(names, _FEW, lambda: _run(loop, names), lambda: _watched(loop, names))
    figures.append(_against("a training loop of 500 small steps", ours, plain, "without", 6.0))
    return figures


def _peers(name: str, names: dict[str, Any], ours: float) -> list[Figure]:
    """The same model under torchviz (which sees no value and no gradient) and torchlens, where they are installed."""
    figures = []
    if importlib.util.find_spec("torchviz"):
        from torchviz import make_dot

        def viz() -> None:
            loss = names["model"](names["x"]).pow(2).mean()
            make_dot(loss, params=dict(names["model"].named_parameters()))
            loss.backward()

        figures.append(_against(name, ours, _by_turns(names, _FEW, viz)[0], "torchviz, no gradients", 1.0))
    if importlib.util.find_spec("torchlens"):
        import torchlens

        def lens() -> None:
            history = torchlens.log_forward_pass(names["model"], names["x"], save_gradients=True)
            history[history.output_layers[0]].activation.pow(2).mean().backward()
            history.cleanup()

        try:
            seconds = _by_turns(names, 1, lens)[0]
        except Exception as error:  # its interface changes from version to version
            print(f"torchlens could not be measured: {type(error).__name__}: {error}")
        else:
            figures.append(_against(name, ours, seconds, "torchlens with gradients", 1.0))
    return figures


def _chain() -> list[Figure]:
    names = _prepared("")
    code = compile(_CHAIN, "<cell>", "exec")
    plain, ours = _by_turns(names, _FEW, lambda: _run(code, names), lambda: _watched(code, names))
    name = "a chain of 10,000 operations"
    return [
        _limit(f"{name}, watched and recorded", ours * 1e3, 1000.0, "ms"),
        _limit(f"{name}, beyond its own time", (ours - plain) * 1e3, 1000.0, "ms"),
    ]


def _pictures() -> list[Figure]:
    figures = []
    code = compile(_BACKWARD, "<cell>", "exec")
    record = _watched(code, _prepared(_MODELS["12-layer transformer"]))
    drawings = {"collapsed": ({}, 100.0, 60.0), "expanded": ({"depth": 99}, 300.0, 400.0)}
    for kind, (options, most, size) in drawings.items():
        draw = _drawing(record, options)
        if draw is None:
            continue
        (seconds,) = _by_turns({}, _FEW, draw)
        name = f"picture of the transformer, {kind}"
        figures.append(_limit(name, seconds * 1e3, most, "ms"))
        figures.append(_limit(f"{name}: size", len(draw().encode()) / 1e3, size, "KB"))
    chain = _watched(compile(_CHAIN, "<cell>", "exec"), _prepared(""))
    draw = _drawing(chain, {})
    assert draw is not None
    (seconds,) = _by_turns({}, _FEW, draw)
    return [*figures, _limit("picture of a chain of 10,000 operations, collapsed", seconds * 1e3, 1000.0, "ms")]


def _drawing(record: Any, options: dict[str, Any]) -> Callable[[], str] | None:
    """How the record is drawn with these options; None where the renderer knows no options yet."""
    from torchmagic.render.graph_svg import graph_svg

    if importlib.util.find_spec("torchmagic.render.graph_look") is None:
        return None if options else lambda: graph_svg(record)
    from torchmagic.render import graph_look

    return lambda: graph_svg(record, graph_look.Look(**options))


def _memory() -> list[Figure]:
    """What is still held after the cell, beyond the record, of a graph of some megabytes."""
    import gc
    import tracemalloc

    code = compile(_BACKWARD, "<cell>", "exec")
    names = _prepared(_MODELS["200-layer MLP"])
    record = _watched(code, names)
    tracemalloc.start()
    try:
        for _ in range(2):
            del record
            gc.collect()
            before = tracemalloc.get_traced_memory()[0]
            record = _watched(code, names)
        del record
        gc.collect()
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    return [_limit("memory held after the cell, beyond the record", max(held, 0) / 1e3, 20.0, "KB")]
