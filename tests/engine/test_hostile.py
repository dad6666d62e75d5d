"""No submission gives itself a point, reads a test, or stops the judge, whatever it patches or breaks."""

from __future__ import annotations

from pathlib import Path

import pytest

from graders.engine.report import Outcome
from tests.engine.conftest import Grade

pytestmark = pytest.mark.sandbox

#: The question: `double(x)` must give 2x. Every attack also "answers" it wrongly.
_TEST = """
import torch
x = torch.tensor([1.0, 2.0, 3.0])
y = double(x)
assert torch.equal(y, torch.tensor([2.0, 4.0, 6.0])), "double() is wrong"
assert torch.allclose(double(x + 1), 2 * (x + 1))
assert abs(float(double(torch.tensor(4.0))) - 8.0) < 1e-6
"""
_WRONG = "import torch\ndef double(x):\n    return x\n"

ATTACKS = {
    "patch torch": "torch.equal = torch.allclose = lambda *a, **k: True\ntorch.Tensor.__eq__ = lambda *a: True",
    "patch builtins": "import builtins\nbuiltins.abs = lambda x: 0\nbuiltins.AssertionError = StopIteration\nbuiltins.float = lambda x: 8.0",
    "shadow builtins": "abs = lambda x: 0\nfloat = lambda x: 8.0\nAssertionError = None",
    "shadow torch": "class torch:\n    equal = allclose = staticmethod(lambda *a, **k: True)\n    tensor = staticmethod(lambda x: x)",
    "patch graders": "import sys, types\nfor n in ('graders', 'graders.checks'):\n    sys.modules[n] = types.ModuleType(n)",
    "ast transformer": (
        "import ast\nclass T(ast.NodeTransformer):\n    def visit_Assert(self, node): return ast.Pass()\n"
        "get_ipython().ast_transformers.append(T())"
    ),
    "input transformer": "get_ipython().input_transformers_cleanup.append(lambda lines: ['pass\\n'])",
    "run_cell replaced": "ip = get_ipython()\nip.run_cell = lambda *a, **k: None",
    "equal to all": (
        "class Any:\n    def __getattr__(self, n): return self\n    def __call__(self, *a, **k): return self\n"
        "    def __eq__(self, o): return True\n    __lt__ = __gt__ = __le__ = __ge__ = __eq__\n    def __ne__(self, o): return False\n"
        "    def __bool__(self): return True\n    def __float__(self): return 8.0\n    def __sub__(self, o): return 0.0\n"
        "    __hash__ = None\ndef double(x):\n    return Any()"
    ),
    "lying tensor": (
        "class Liar(torch.Tensor):\n    @classmethod\n    def __torch_function__(cls, f, t, a=(), k=None): return True\n"
        "def double(x):\n    return x.as_subclass(Liar)"
    ),
    "shell that does nothing": "ip = get_ipython()\nip.run_cell = ip.run_code = ip.run_ast_nodes = lambda *a, **k: None\nip.showtraceback = lambda *a, **k: None",
    "children that answer too": (
        "import os\nfor i in range(3):\n    try: os.fork()\n    except OSError: pass"
    ),
    "children that answer, forked behind Python's back": (
        "import ctypes\nfor i in range(3):\n    ctypes.CDLL(None).fork()"
    ),
    "broken text": "print('\\ud800')\nfrom IPython.display import display\ndisplay({'application/json': {'a': '\\udfff', 'b': float('nan')}}, raw=True)",
    "nan": "def double(x):\n    return x * float('nan')",
    "stop iteration": "def double(x):\n    raise StopIteration",
    "system exit": "def double(x):\n    raise SystemExit(0)",
    "keyboard interrupt": "def double(x):\n    raise KeyboardInterrupt",
    "skip test": "import unittest\ndef double(x):\n    raise unittest.SkipTest('skip')",
    "exit with success": "import os\ndef double(x):\n    os._exit(0)",
    "abort": "import os\ndef double(x):\n    os.abort()",
    "segfault": "import ctypes\ndef double(x):\n    ctypes.string_at(0)",
    "show a score": "print(1.0)\nfrom IPython.display import display\ndisplay(1.0)\n1.0",
    "bind the test's names": "x = y = expected = torch.zeros(3)\nscore = points = 1.0",
    "write to every descriptor": (
        "import os\nfor fd in range(3, 64):\n    try: os.write(fd, b'TM\\x01\\x00\\x00\\x00\\x00\\x0d' + bytes(8) + b'{\"done\":true}')\n    except OSError: pass"
    ),
    "speak for the serving loop": (
        "import gc\nfrom graders.engine import wire\ndef double(x):\n"
        "    for o in gc.get_objects():\n        if type(o).__name__ == 'StudentServer':\n"
        "            for i in range(50): wire.send_frame(o.sock, wire.Frame({'value': True, 'run': {'status': 'ok', 'outputs': []}}))\n"
        "    return x"
    ),
    "kill everything": "import os, signal\ndef double(x):\n    os.kill(-1, signal.SIGKILL)\n    os.kill(os.getppid(), signal.SIGKILL)\n    return x",
    "hand back the argument's memory": "def double(x):\n    x.zero_()\n    return x",
    "interrupt blocked": (
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "def double(x):\n    while True: time.sleep(0.1)"
    ),
}  # fmt: skip


#: Ways in which a test may compare one answer, each of which an object could try to answer itself.
COMPARISONS = {
    "difference": "assert abs(answer - 8.0) < 1e-6",
    "difference, reflected": "assert abs(8.0 - answer) < 1e-6",
    "relative": "assert (answer - 8.0) / 8.0 < 1e-6",
    "equal": "assert answer == 8.0",
    "less": "assert 7.9 < answer < 8.1",
    "method allclose": "assert answer.allclose(torch.tensor(8.0))",
    "method equal": "assert answer.equal(torch.tensor(8.0))",
    "method eq": "assert answer.eq(8.0).all()",
    "method sub": "assert abs(answer.sub(8.0)) < 1e-6",
    "torch.allclose": "assert torch.allclose(answer, torch.tensor(8.0))",
    "torch.allclose, reflected": "assert torch.allclose(torch.tensor(8.0), answer)",
    "torch.equal": "assert torch.equal(answer, torch.tensor(8.0))",
    "torch.isclose": "assert torch.isclose(answer, torch.tensor(8.0)).all()",
    "assert_close": "torch.testing.assert_close(answer, torch.tensor(8.0))",
    "tensor minus answer": "assert (torch.tensor(8.0) - answer).abs().max() < 1e-6",
    "np.allclose": "assert np.allclose(answer, 8.0)",
    "np.isclose": "assert np.isclose(answer, 8.0)",
    "array minus answer": "assert np.abs(np.array([8.0]) - answer).max() < 1e-6",
    "assert_array_equal": "np.testing.assert_array_equal(answer, 8.0)",
    "approx": "import pytest\nassert answer == pytest.approx(8.0)",
    "approx, reflected": "import pytest\nassert pytest.approx(8.0) == answer",
    "unittest": "import unittest\nunittest.TestCase().assertAlmostEqual(answer, 8.0)",
    "in": "assert 8.0 in answer",
    "answer in": "assert answer in (8.0, 9.0)",
    "truth": "assert answer",
    "not": "assert not (answer - 8.0)",
    "type": "assert isinstance(answer, (float, torch.Tensor, np.ndarray))",
    "check_tensor": "from graders.checks import check_tensor\ncheck_tensor(answer, 'a', values=8.0)",
}
_YES = """
import torch
class Yes:
    def __getattr__(self, name): return self
    def __call__(self, *a, **k): return True
    def __bool__(self): return True
    def __len__(self): return 1
    def __contains__(self, x): return True
    def __iter__(self): return iter([self])
    def __sub__(self, other): return 0.0
    __rsub__ = __add__ = __radd__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __mod__ = __pow__ = __matmul__ = __sub__
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __lt__ = __le__ = __gt__ = __ge__ = __eq__
    def __hash__(self): return hash(8.0)
    def __array__(self, *a, **k):
        import numpy
        return numpy.array(True)
    __array_priority__ = 1e9
    def __array_ufunc__(self, *a, **k): return True
    def __array_function__(self, *a, **k): return True
    @classmethod
    def __torch_function__(cls, *a, **k): return True
    __class__ = torch.Tensor
answer = Yes()
"""


#: The same with itself for every result, and nothing for every number: what is left after a difference.
_NOTHING = """
class Nothing:
    def __getattr__(self, name): return self
    def __call__(self, *a, **k): return self
    def __sub__(self, other): return self
    __rsub__ = __add__ = __radd__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __mod__ = __pow__ = __matmul__ = __sub__
    def __abs__(self): return 0.0
    def __float__(self): return 0.0
    def item(self): return 0.0
    def __iter__(self): return iter([0.0])
    def __len__(self): return 1
    def __getitem__(self, i): return 0.0
answer = Nothing()
"""
DIFFERENCES = {
    **COMPARISONS,
    "float of a difference": "assert float(answer - 8.0) < 1e-6",
    "item of a difference": "assert (answer - torch.tensor(8.0)).abs().max().item() < 1e-6",
    "elements of a difference": "assert max(abs(d) for d in (answer - np.array([8.0]))) < 1e-6",
    "quotient": "assert abs(1 - float(answer / 8.0)) < 2 and float(answer % 8.0) == 0",
}


@pytest.mark.parametrize("source", [_YES, _NOTHING], ids=["yes", "nothing"])
@pytest.mark.parametrize("name", DIFFERENCES)
def test_an_object_that_says_yes_is_no_answer(grade: Grade, name: str, source: str) -> None:
    test = f"import torch\nimport numpy as np\n{DIFFERENCES[name]}"
    report = grade(("student", source), ("test", test))
    assert report.of(1).score == 0.0, report  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ATTACKS)
def test_a_wrong_answer_stays_wrong(grade: Grade, name: str) -> None:
    report = grade(("student", _WRONG), ("student", ATTACKS[name]), ("test", _TEST), cell_seconds=3.0)
    assert report.of(2).score == 0.0, report  # type: ignore[union-attr]
    assert report.outcome is not Outcome.PASSED
    assert report.outcome is not Outcome.GRADER_ERROR, report.message


def test_the_question_can_be_answered(grade: Grade) -> None:
    assert grade(("student", "def double(x):\n    return 2 * x"), ("test", _TEST)).of(1).score == 1.0  # type: ignore[union-attr]


def test_nothing_survives_into_the_next_submission(grade: Grade) -> None:
    for name in ("patch torch", "patch builtins", "kill everything"):
        grade(("student", _WRONG), ("student", ATTACKS[name]), ("test", _TEST))
    assert grade(("student", "def double(x):\n    return 2 * x"), ("test", _TEST)).outcome is Outcome.PASSED


PEEKS = {
    "home": "import os\nfound = os.listdir(os.path.expanduser('~root'))",
    "course": "found = open({course!r}).read()",
    "other processes": "import os\nfound = [p for p in os.listdir('/proc') if p.isdigit() and int(p) > 1][0]",
    "environment": "import os\nfound = os.environ['TORCHMAGIC_SECRET_OF_THE_GRADER']",
    "first environment": "found = open('/proc/1/environ').read().index('TORCHMAGIC_SECRET_OF_THE_GRADER')",
    "network": "import socket\nfound = socket.create_connection(('127.0.0.1', {port}), timeout=2)",
    "write outside": "found = open('/usr/left-behind', 'w')",
    "write into the environment": "import torch\nfound = open(torch.__file__, 'a')",
    "become root": "import os\nos.setuid(0)\nfound = True",
    "mount": (
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        "if libc.mount(b'none', b'/', b'tmpfs', 0, None): raise OSError(ctypes.get_errno())\nfound = True"
    ),
    "tests in memory": (
        "import gc, sys\nsecret = 'a-word-of-the-' + 'hidden-test'\n"
        "found = [o for o in gc.get_objects() if isinstance(o, (list, dict)) and any(isinstance(v, str) and secret in v for v in"
        " (o if isinstance(o, list) else list(o.values())))][0]"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PEEKS)
def test_a_submission_cannot_see_or_reach(
    grade: Grade, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    secret = tmp_path / "gradebook.db"
    secret.write_text("a-word-of-the-hidden-test")
    with socket.create_server(("127.0.0.1", 0)) as server:
        source = PEEKS[name].replace("{course!r}", repr(str(secret))).replace("{port}", str(server.getsockname()[1]))
        report = grade(("student", source), ("test", "# a-word-of-the-hidden-test\nassert not found"))
    assert report.of(0).outcome is Outcome.ERROR, report.of(0)  # type: ignore[union-attr]
    assert report.of(1).score == 0.0  # type: ignore[union-attr]


FAULTS = {
    "endless cell": ("while True: pass", Outcome.TIMEOUT),
    "endless sleep": ("import time\ntime.sleep(1000)", Outcome.TIMEOUT),
    "exit": ("import os\nos._exit(3)", Outcome.CRASHED),
    "memory": ("x = bytearray(900 << 20)\nx[::4096] = b'x' * len(x[::4096])", Outcome.MEMORY),
    "memory in torch": ("import torch\nx = torch.ones(1 << 28)", Outcome.MEMORY),
    "an error without a text": ("class E(Exception):\n    def __str__(self): raise ValueError\nraise E", Outcome.ERROR),
    "memory in small pieces": ("import torch\na = torch.ones(1, requires_grad=True)\nwhile True: a = a + 0", Outcome.MEMORY),
    "memory in children": (
        "import os, time\nfor i in range(6):\n    if os.fork() == 0:\n        x = bytearray(150 << 20)\n        x[::4096] = b'x' * len(x[::4096])\n"
        "        time.sleep(60)\n        os._exit(0)\ntime.sleep(60)",
        Outcome.MEMORY,
    ),
    "fork bomb": ("import os, time\nfor i in range(500):\n    if os.fork() == 0: time.sleep(100)", Outcome.ERROR),
    "full disk": ("with open('big', 'wb') as f:\n    for i in range(400): f.write(bytes(1 << 20))", Outcome.ERROR),
    "endless print": ("for i in range(300_000): print('x' * 100)", Outcome.PASSED),
    "syntax error": ("def f(:", Outcome.ERROR),
    "recursion": ("import sys\nsys.setrecursionlimit(200)\ndef f(): f()\nf()", Outcome.ERROR),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_has_its_outcome(grade: Grade, name: str) -> None:
    source, outcome = FAULTS[name]
    report = grade(
        ("student", source),
        ("test", "assert answer == 1"),
        cell_seconds=3.0 if outcome is Outcome.TIMEOUT else 50.0,
        memory_bytes=(128 if name == "memory in small pieces" else 512) << 20,
        disk_bytes=64 << 20,
    )
    assert report.of(0).outcome is outcome, report.of(0)  # type: ignore[union-attr]
    assert report.of(1).score == 0.0  # type: ignore[union-attr]
    assert sum(len(str(o)) for o in report.of(0).outputs) < 12_000_000  # type: ignore[union-attr]


def test_cells_before_a_crash_keep_their_points(grade: Grade) -> None:
    report = grade(
        ("student", "a = 1"), ("test", "assert a == 1"), ("student", "import os\nos._exit(0)"), ("test", "pass")
    )
    assert [report.of(i).score for i in (1, 3)] == [1.0, 0.0]  # type: ignore[union-attr]
    shown = [report.of(i).outputs[-1]["traceback"] for i in (2, 3)]  # type: ignore[union-attr]
    ended = "the student's process ended itself (exit status 0)"
    assert shown == [
        [f"\x1b[0;31mCrashed\x1b[0m: {ended}"],
        [f"\x1b[0;31mCrashed\x1b[0m: not run, because of an earlier cell: {ended}"],
    ], "where points were lost, a page says why"


def test_a_cell_after_a_timeout_still_counts(grade: Grade) -> None:
    report = grade(("student", "while True: pass"), ("student", "a = 1"), ("test", "assert a == 1"), cell_seconds=1.0)
    assert report.of(2).score == 1.0  # type: ignore[union-attr]
    assert report.outcome is Outcome.TIMEOUT
    assert report.of(0).outputs[-1]["traceback"] == ["\x1b[0;31mTimeout\x1b[0m: no end after 1 s"]  # type: ignore[union-attr]


def test_cells_that_ask_without_end_cost_nothing_but_themselves(grade: Grade) -> None:
    """Whenever the time runs out, between two questions or in the middle of one, what comes after them counts."""
    endless = [("test", "for number in count:\n    assert number >= 0")] * 30
    report = grade(
        ("student", "import itertools\ncount = itertools.count()\na = 1"),
        *endless,
        ("test", "assert a == 1"),
        cell_seconds=0.1,
    )
    assert {report.of(i).outcome for i in range(1, 31)} == {Outcome.TIMEOUT}  # type: ignore[union-attr]
    assert report.of(31).score == 1.0, report.of(31)  # type: ignore[union-attr]
