"""What a student's function changes in its arguments is changed in the test's own."""

from __future__ import annotations

import pytest

from tests.engine.conftest import Grade, Idiom, assert_right_and_wrong

pytestmark = pytest.mark.sandbox

IN_PLACE: dict[str, Idiom] = {
    "nested lists and dicts": ("def f(d, *, out):\n    d['a'][0].append(9)\n    d['new'] = {'k': [1]}\n    out.extend([1, 2])", "d, out = {'a': [[1]]}, []\ninner = d['a'][0]\nf(d, out=out)\nassert inner == [1, 9] and d == {'a': [[1, 9]], 'new': {'k': [1]}} and out == [1, 2]"),
    "what is given back is the same list": ("def f(l):\n    l.sort()\n    return l", "l = [3, 1]\nassert f(l) is l and l == [1, 3]"),
    "the same list twice": ("def f(a, b):\n    a.append(1)\n    return a is b", "l = []\nassert f(l, l) is True and l == [1]"),
    "a list that holds itself": ("def f(l):\n    return l[0] is l", "l = []\nl.append(l)\nassert f(l) is True"),
    "arrays": ("def f(a, m):\n    a += 1\n    m[0, :] = 7", "import numpy as np\na, m = np.zeros(2), np.zeros((2, 2))\nf(a, m)\nassert a.tolist() == [1, 1] and m.tolist() == [[7, 7], [0, 0]]"),
    "sets and deques": ("def f(s, q):\n    s.add(3)\n    q.appendleft(0)", "from collections import deque\ns, q = {1}, deque([1])\nf(s, q)\nassert s == {1, 3} and list(q) == [0, 1]"),
    "a tensor in a list": ("def f(ts):\n    for t in ts:\n        t.zero_()\n    ts.append(ts[0])", "import torch\na, b = torch.ones(1), torch.ones(1)\nts = [a, b]\nf(ts)\nassert a == 0 and b == 0 and len(ts) == 3 and ts[2] is a"),
    "a view of the test's": ("def f(row):\n    row += 1", "import torch\nm = torch.zeros(2, 2)\nf(m[0])\nassert m.tolist() == [[1, 1], [0, 0]]"),
    "a frame": ("def f(df):\n    df['c'] = df['a'] + df['b']\n    df.drop(index=0, inplace=True)", "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2], 'b': [3, 4]})\nf(df)\nassert df['c'].tolist() == [6] and df.index.tolist() == [1]"),
    "a method's argument": ("class A:\n    def fill(self, l):\n        l += [1]\n    def __getitem__(self, l):\n        l.append(2)\n        return 0", "l = []\na = A()\na.fill(l)\nassert l == [1] and a[l] == 0 and l == [1, 2]"),
    "defaults are shared": ("def f(x, kept=[]):\n    kept.append(x)\n    return kept", "assert f(1) == [1] and f(2) == [1, 2]"),
}  # fmt: skip


@pytest.mark.parametrize("name", IN_PLACE)
def test_a_right_solution_passes_and_nothing_else(grade: Grade, name: str) -> None:
    assert_right_and_wrong(grade, IN_PLACE[name])
