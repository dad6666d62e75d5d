"""What ``%%gradtrace --live`` costs a training loop, in a real kernel that is sent every picture."""

from __future__ import annotations

import json
from pathlib import Path

from bench.figures import Figure

_TURNS = 6
_STEPS = 100
_STEP_MS = 20.0
_LIMIT_MS = 0.4

_SETUP = """
import json, time, torch
from torch import nn
%%load_ext torchmagic
torch.set_num_threads(1)
torch.manual_seed(0)
layers = [layer for _ in range(3) for layer in (nn.Linear(64, 64), nn.ReLU())]
model = nn.Sequential(*layers, nn.Linear(64, 1))
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
def step(size):
    x = torch.randn(size, 64)
    opt.zero_grad()
    loss = (model(x) - x.sum(1, keepdim=True)).pow(2).mean()
    loss.backward()
    opt.step()
def seconds(size):
    found = []
    for _ in range(7):
        start = time.process_time(); step(size); found.append(time.process_time() - start)
    return sorted(found)[3]
size = 256
while seconds(size) < %f:
    size = int(size * 1.2)
"""
_LOOP = """
for _ in range(%d):
    x = torch.randn(size, 64)
    opt.zero_grad()
    loss = (model(x) - x.sum(1, keepdim=True)).pow(2).mean()
    loss.backward()
    opt.step()
"""
#: time of the whole process, that of the thread which sends pictures too
_BEFORE, _AFTER = "started = time.process_time()", "print(json.dumps(time.process_time() - started))"


def measure(folder: Path) -> list[Figure]:
    """The figure; ``folder`` is not needed."""
    from tests.see.notebook_run import run_cells

    loop = _LOOP % _STEPS
    turn = [_BEFORE, loop, _AFTER, _BEFORE, f"%%gradtrace --live{loop}", _AFTER]
    cells = run_cells([_SETUP % (_STEP_MS / 1e3), *turn * (_TURNS + 1)])
    read = [json.loads(cell.outputs[0].text) / _STEPS * 1e3 for cell in cells if cell.source == _AFTER]
    plain, ours = min(read[2::2]), min(read[3::2])  # the first turn warms up; other programs only ever add time
    extra = ours - plain
    name = f"a training step of {plain:.0f} ms under --live"
    return [
        Figure(name, ours, plain, "without", "ms", 1.02, "within"),
        Figure(f"{name}: beyond its own time", max(extra, 0.0), _LIMIT_MS, "limit", "ms", 1.0, "within"),
    ]
