"""A cell under a magic behaves exactly as without it, in a real kernel; and what the magics show."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.see.notebook_run import run_cells, without_ours

pytestmark = pytest.mark.slow

#: A notebook of ordinary, awkward and failing cells; each is run plainly and below a magic.
CELLS = [
    "import sys\nimport torch\nfrom torch import nn\nfrom IPython.display import HTML, display",
    "torch.manual_seed(3)\nx = torch.randn(4, 3)\nprint('out')\nprint('err', file=sys.stderr)\nx.shape",
    "w = torch.ones(3, 1, requires_grad=True)\ny = x @ w\nloss = (y ** 2).mean()\nloss.backward()\nw.grad",
    "_ * 2",
    "_2, Out[3], len(In)",
    "import asyncio\nawait asyncio.sleep(0)\n'awaited'",
    "async def later():\n    await asyncio.sleep(0)\n    return torch.ones(1)\nt = await later()\nt",
    "%%time\nz = x + 1",
    "!echo from the shell",
    "%precision 3\n1 / 3",
    "display(HTML('<b>bold</b>'))\nprint('after')\ndisplay({'text/plain': 'raw'}, raw=True)",
    "def fail(n):\n    return 1 // n\n\nfail(0)",
    "a = torch.ones(2)\n\na @ torch.ones(3)",
    "class Mine(Exception):\n    pass\nraise Mine('own')",
    "def f(:\n    pass",
    "loss.backward()",
    "v = torch.ones(1, requires_grad=True)\nv += 1",
    "raise KeyboardInterrupt",
    "from math import *\nsqrt(4)",
    "from __future__ import annotations\ndef g(x: Undefined) -> Undefined: return x\ng(1)",
    "del a\n'a' in globals()",
    "gen = (i * torch.ones(1) for i in range(3))\nnext(gen), list(gen)",
    "net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))\nopt = torch.optim.Adam(net.parameters(), lr=0.01)\n"
    "for step in range(5):\n    opt.zero_grad()\n    out = ((net(x) - 1) ** 2).mean()\n    out.backward()\n    opt.step()\nround(out.item(), 6)",
    "with torch.no_grad():\n    u = w * 2\nu.requires_grad, w._version, x._version",
    "h = []\nhook = w.register_hook(lambda g: h.append(g.sum().item()))\n(w * 3).sum().backward()\nhook.remove()\nh",
    "torch.autograd.grad((w ** 2).sum(), w)[0].tolist(), w.grad.tolist()",
    "torch.rand(2).tolist(), torch.initial_seed()",
    "x; y = 5;",
    "# only a comment",
    "1 if True else 0;",
    "import warnings\nwarnings.warn('careful')",
    "print('no newline', end='')",
    "get_ipython().execution_count",
    "%%capture captured\nprint('hidden')",
    "captured.stdout",
    "torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.get_default_dtype()",
]
#: Run after all of them without a magic: nothing is left behind.
AFTER = "torch.overrides._get_current_function_mode_stack(), get_ipython().showtraceback.__func__.__qualname__"

_ADDRESS = re.compile(r"0x[0-9a-f]+")
_TIME = re.compile(r"[\d.]+ [mμnu]?s\b")
_FILE = re.compile(r"ipykernel_\d+/\d+(\.py:\d+)?")  # a magic line moves a warning one line down
_SYNTAX = re.compile(r"\(\d+\.py, line \d+\)")  # the file is named after the text, and the magic's line counts
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


def masked(value: Any) -> str:
    text = str(value)
    for pattern in (_ADDRESS, _TIME, _FILE, _SYNTAX):
        text = pattern.sub("*", text)
    return text


def without_tracebacks(outputs: list[Any]) -> list[Any]:
    return [{**o, "traceback": "*"} if o["output_type"] == "error" else o for o in outputs]


@pytest.mark.parametrize("magics", ["%%tensorinfo", "%%gradtrace", "%%tensorinfo\n%%gradtrace"])
def test_with_and_without(magics: str) -> None:
    load = ["%load_ext torchmagic"]
    plain = run_cells([*load, *CELLS, AFTER])
    under = run_cells([*load, *(f"{magics}\n{cell}" for cell in CELLS), AFTER])
    shift = magics.count("\n") + 1
    for source, one, other in zip([*load, *CELLS, AFTER], plain, under, strict=True):
        assert other.execution_count == one.execution_count, source
        wanted = without_tracebacks(without_ours(one.outputs))
        found = without_tracebacks(without_ours(other.outputs))
        if source == "_2, Out[3], len(In)":
            continue  # shows its own history: compared below by its length
        assert masked(found) == masked(wanted), source
        for mine, theirs in zip(errors(one), errors(other), strict=True):
            assert cell_lines(theirs, 0) == cell_lines(
                mine, 0 if source.startswith("%%") or source == AFTER else shift
            ), source


def errors(cell: Any) -> list[str]:
    return [_ANSI.sub("", "\n".join(o.traceback)) for o in cell.outputs if o.output_type == "error"]


def cell_lines(text: str, shift: int) -> list[int]:
    """The cell's own line numbers that a traceback marks, moved by the lines that the magics take."""
    frames = re.split(r"^(?=Cell In|File )", text, flags=re.M)
    return [
        int(n) + shift
        for frame in frames
        if frame.startswith("Cell In")
        for n in re.findall(r"^-+> (\d+)", frame, re.M)
    ]


def test_what_the_magics_show() -> None:
    cells = run_cells(
        [
            "%load_ext torchmagic\n%load_ext torchmagic",
            "%%tensorinfo\nimport torch\na = torch.tensor(2., requires_grad=True)\nb = torch.tensor([1.0, float('nan')])",
            "%%gradtrace\nx = torch.tensor(4.)\ny = a + 3\nz = x * y\nz.backward()",
            "%tensorinfo a y.data torch.zeros(2, 2) [a, b]",
            "%gradtrace z",
            "%%tensorinfo --max-rows 1 --no-stats\np, q = torch.ones(1), torch.ones(2)",
            "%%tensorinfo p q\n1",
            "%%tensorinfo --nonsense\nran = True",
            "'ran' in globals()",
            "%tensorinfo",
            "%gradtrace 5",
            "%tensorinfo undefined a",
            "%%tensorinfo\nn = 3",
            "%%gradtrace\nn = 3",
            "%%tensorinfo\nc = torch.ones(3)\n1 / 0",
            "%tensorinfo?",
            "%unload_ext torchmagic",
            "%%tensorinfo\n1",
        ]
    )

    def text(index: int) -> str:
        return "\n".join(
            o.get("text", "") + o.get("data", {}).get("text/plain", "") + o.get("evalue", "")
            for o in cells[index].outputs
        )

    assert "a  Tensor () float32 on cpu · requires grad, leaf · new" in text(1)
    assert "NaN 1" in text(1)
    assert "z = x * y  Mul (MulBackward0)  value 20" in text(2)
    html = "".join(o.get("data", {}).get("text/html", "") for o in cells[2].outputs)
    assert "<svg" in html
    assert "<script" not in html
    assert "http" not in re.sub(r"http://www\.w3\.org/[\w/]+", "", html)
    assert all(
        name in text(3) for name in ("a  Tensor", "y.data  Tensor", "torch.zeros(2, 2)  Tensor (2, 2)", "[a, b]  list")
    )
    assert "z = " in text(4)
    assert "p  Tensor" in text(5)
    assert "1 more" in text(5)
    assert "  max " not in text(5)
    assert "q  Tensor" in text(6)
    assert "unrecognized arguments: --nonsense" in text(7)
    assert "%tensorinfo [--all]" in text(7)
    assert text(8) == "False"
    assert "for example: %tensorinfo x" in text(9)
    assert "A graph is drawn from tensors" in text(10)
    assert "undefined cannot be shown (NameError" in text(11)
    assert "a  Tensor" in text(11)
    assert text(12).strip() == "tensorinfo: this cell assigned or changed no tensors."
    assert text(13).strip().startswith("gradtrace: no operation")
    assert text(14).count("division by zero") == 1
    assert "c  Tensor (3,)" in text(14)
    assert "not found" in text(17)
