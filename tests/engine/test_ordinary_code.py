"""What ordinary code still does behind all the walls: programs, threads, files, plots and IPython's own commands."""

from __future__ import annotations

import pytest

from graders.engine.report import Outcome
from tests.engine.conftest import Grade, outcome

pytestmark = pytest.mark.sandbox

ORDINARY = {
    "threads": "import threading\nanswer = []\nts = [threading.Thread(target=answer.append, args=(i,)) for i in range(8)]\nfor t in ts: t.start()\nfor t in ts: t.join()\nanswer = len(answer) == 8",
    "a pool of processes": "import multiprocessing as mp\nwith mp.get_context('fork').Pool(2) as pool: answer = pool.map(abs, [-1, -2]) == [1, 2]",
    "a pool of threads": "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(4) as pool: answer = list(pool.map(abs, [-1])) == [1]",
    "spawned processes": "import multiprocessing as mp\np = mp.get_context('spawn').Process(target=print, args=('x',))\np.start(); p.join(); answer = p.exitcode == 0",
    "a queue and a lock between processes": "import multiprocessing as mp\nc = mp.get_context('fork')\nq, l, v = c.Queue(), c.Lock(), c.Value('i', 3)\ndef f():\n    with l: q.put(v.value)\np = c.Process(target=f); p.start(); answer = q.get() == 3; p.join()",
    "named shared memory": "from multiprocessing import shared_memory\nm = shared_memory.SharedMemory(create=True, size=4096)\nm.buf[0] = 7; answer = m.buf[0] == 7; m.close(); m.unlink()",
    "torch's shared tensors": "import torch.multiprocessing as mp, torch\nx = torch.zeros(3).share_memory_()\ndef f(x): x += 1\np = mp.get_context('fork').Process(target=f, args=(x,)); p.start(); p.join(); answer = x.tolist() == [1, 1, 1]",
    "torch.multiprocessing.spawn's prctl": "import torch\nanswer = torch.multiprocessing._prctl_pr_set_pdeathsig(2) is None",
    "a DataLoader with workers": "import torch\nfrom torch.utils.data import DataLoader, TensorDataset\nd = DataLoader(TensorDataset(torch.arange(40.)), batch_size=4, num_workers=2)\nanswer = sum(float(x.sum()) for (x,) in d) == 780.0",
    "subprocess": "import subprocess\nanswer = subprocess.run(['sh', '-c', 'echo hi'], capture_output=True, text=True).stdout == 'hi\\n'",
    "a shell's command": "out = !echo hi | tr h H\nanswer = list(out) == ['Hi']",
    "pip's version": "out = !pip --version\nanswer = out[0].startswith('pip ')",
    "a terminal": "import pty, os\na, b = os.openpty(); os.write(b, b'x'); answer = os.read(a, 1) == b'x'",
    "asyncio": "import asyncio\nawait asyncio.sleep(0)\np = await asyncio.create_subprocess_exec('echo', 'hi', stdout=asyncio.subprocess.PIPE)\nanswer = (await p.communicate())[0] == b'hi\\n'",
    "a server of its own": "import socket\ns = socket.create_server(('127.0.0.1', 0))\nc = socket.create_connection(s.getsockname()); answer = c.send(b'x') == 1",
    "much data over its own connection": "import socket, threading\ns = socket.create_server(('localhost', 0))\nc = socket.create_connection(s.getsockname())\nt = threading.Thread(target=c.sendall, args=(bytes(1 << 22),)); t.start()\na, _ = s.accept(); n = 0\nwhile n < 1 << 22: n += len(a.recv(1 << 16))\nt.join(); answer = True",
    "names of interfaces": "import socket\nanswer = [n for _, n in socket.if_nameindex()] != []",
    "temporary files": "import tempfile, os\nwith tempfile.TemporaryDirectory() as d:\n    p = os.path.join(d, 'a'); open(p, 'w').write('x'); os.makedirs(d + '/sub'); os.rename(p, d + '/sub/b'); answer = open(d + '/sub/b').read() == 'x'",
    "files in the working folder": "open('a.txt', 'w').write('x')\nimport os\nos.symlink('a.txt', 'b'); os.link('a.txt', 'c'); answer = open('b').read() == 'x' and sorted(os.listdir()) == ['a.txt', 'b', 'c']",
    "a database": "import sqlite3\nd = sqlite3.connect('x.db'); d.execute('create table t (a)'); d.commit(); answer = d.execute('select count(*) from t').fetchone() == (0,); d.close()",
    "/dev/null": "open('/dev/null', 'w').write('x')\nopen('/dev/null', 'a').write('x')\nanswer = open('/dev/null').read() == ''",
    "a program's output to /dev/stdout": "!echo hi > /dev/stdout\nanswer = True",
    "ctypes callbacks": "import ctypes\nlibc = ctypes.CDLL(None)\nF = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))\na = (ctypes.c_int * 3)(3, 1, 2); libc.qsort(a, 3, 4, F(lambda x, y: x[0] - y[0])); answer = list(a) == [1, 2, 3]",
    "private memory maps": "import mmap\nm = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS); m[0] = 1; answer = m[0] == 1",
    "torch.save": "import torch\ntorch.save({'a': torch.ones(2)}, 'm.pt'); answer = torch.load('m.pt')['a'].tolist() == [1, 1]",
    "an alarm": "import signal, time\nanswer = False\ndef f(*a):\n    global answer\n    answer = True\nsignal.signal(signal.SIGALRM, f); signal.setitimer(signal.ITIMER_REAL, 0.05); time.sleep(0.2)",
    "compiling C": "import shutil, subprocess\nopen('a.c', 'w').write('int f(void) { return 7; }')\nanswer = True\nif shutil.which('cc'):\n    subprocess.run(['cc', '-shared', '-fPIC', 'a.c', '-o', 'a.so'], check=True)\n    import ctypes\n    answer = ctypes.CDLL('./a.so').f() == 7",
    "the number of processors": "import os\nanswer = os.cpu_count() >= 1 and open('/proc/cpuinfo').read() != ''",
}  # fmt: skip


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_code_works(grade: Grade, name: str) -> None:
    report = grade(("student", ORDINARY[name]), ("test", "assert answer is True"))
    assert report.of(0).outcome is Outcome.PASSED, report.of(0)  # type: ignore[union-attr]
    assert report.of(1).score == 1.0, report  # type: ignore[union-attr]


def test_a_fresh_process_knows_of_no_error(grade: Grade) -> None:
    """Of those that its parent rehearsed with, for one."""
    source = (
        "import sys\nfound = [n for n in ('last_exc', 'last_value', 'last_type', 'last_traceback') if hasattr(sys, n)]"
    )
    for _ in range(2):
        report = grade(("student", source), ("student", "%load_ext torchmagic"), ("test", "assert found == []"))
        assert report.of(1).outputs == (), report  # type: ignore[union-attr]
        assert report.of(2).score == 1.0, report  # type: ignore[union-attr]


def test_cd_and_store_work(grade: Grade) -> None:
    """IPython remembers both in a folder, which has to be one that can be written to."""
    source = "import os\nos.mkdir('inner')\n%cd -q inner\nkept = 3\n%store kept\nassert os.getcwd().endswith('inner')"
    assert outcome(grade, source) is Outcome.PASSED


def test_timeit_times(grade: Grade) -> None:
    cell = grade(("student", "%%timeit -n 2 -r 2\nsum(range(10))")).of(0)
    assert cell is not None
    assert "per loop" in cell.outputs[0]["text"], cell


@pytest.mark.slow
@pytest.mark.parametrize("magic", ["", "%matplotlib inline\n"])
def test_a_plot_is_a_picture(grade: Grade, magic: str) -> None:
    pytest.importorskip("matplotlib")
    cell = grade(("student", f"{magic}import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()")).of(0)
    assert cell is not None
    assert "image/png" in cell.outputs[-1]["data"], cell


def test_a_cell_may_ask_for_no_windows(grade: Grade) -> None:
    """As `%matplotlib inline` does."""
    assert outcome(grade, "get_ipython().enable_gui(None)") is Outcome.PASSED


def test_a_widget_is_shown(grade: Grade) -> None:
    pytest.importorskip("ipywidgets")
    cell = grade(
        ("student", "import ipywidgets\nfrom IPython.display import display\ndisplay(ipywidgets.IntSlider(3))")
    ).of(0)
    assert cell is not None
    assert cell.outcome is Outcome.PASSED, cell
    assert "application/vnd.jupyter.widget-view+json" in cell.outputs[-1]["data"], cell


def test_input_is_refused_as_in_nbgrader(grade: Grade) -> None:
    cell = grade(("student", "input('name? ')")).of(0)
    assert cell is not None
    assert cell.outcome is Outcome.ERROR
    assert cell.message.startswith("StdinNotImplementedError"), cell.message
