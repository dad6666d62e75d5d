"""A class that writes as people do: several ways to solve each question, and names, spacing and comments of their own."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping

from graders.reporting.data import ClassResults, StudentResult

RELEASED = {
    "hw/forward": "# YOUR CODE HERE\nraise NotImplementedError()",
    "hw/by_hand": "def grad_by_hand(weight, x, target):\n    # YOUR CODE HERE\n    raise NotImplementedError()",
    "hw/autograd": "def grad_by_autograd(weight, x, target):\n    # YOUR CODE HERE\n    raise NotImplementedError()",
    "hw/each": "def gradient_of_each(W, inputs):\n    # YOUR CODE HERE\n    raise NotImplementedError()",
    "hw/step": "def step(weight, gradient, rate):\n    # YOUR CODE HERE\n    raise NotImplementedError()",
    "hw/mean": "def row_means(table):\n    # YOUR CODE HERE\n    raise NotImplementedError()",
    "hw/scaled": "def scaled(table):\n    # YOUR CODE HERE\n    raise NotImplementedError()",
    "hw/train": "def train(X, y, steps, rate):\n    # YOUR CODE HERE\n    raise NotImplementedError()",
}
WAYS = {
    "hw/forward": (
        "x = torch.tensor(2.0)\nW = torch.tensor(3.0, requires_grad=True)\ny = W * x\nloss = (y - 10) ** 2",
        "W = torch.tensor(3.0, requires_grad=True)\nx = torch.tensor(2.0)\ny = W * x\nloss = (y - 10.0).pow(2)",
        "x = torch.tensor(2.0)\nW = torch.tensor(3.0).requires_grad_()\ny = W @ x if W.dim() else W * x\nloss = torch.square(y - 10)",
    ),
    "hw/by_hand": (
        "def grad_by_hand(weight, x, target):\n    return 2 * (weight * x - target) * x",
        "def grad_by_hand(weight, x, target):\n    NAME1 = weight * x - target\n    return 2 * NAME1 * x",
        "def grad_by_hand(weight, x, target):\n    NAME1 = weight * x\n    NAME2 = NAME1 - target\n    return 2 * x * NAME2",
    ),
    "hw/autograd": (
        "def grad_by_autograd(weight, x, target):\n    NAME1 = torch.tensor(weight, requires_grad=True)\n    NAME2 = (NAME1 * x - target) ** 2\n    NAME2.backward()\n    return NAME1.grad",
        "def grad_by_autograd(weight, x, target):\n    NAME1 = torch.tensor(float(weight), requires_grad=True)\n    ((NAME1 * x - target) ** 2).backward()\n    return NAME1.grad.item()",
        "def grad_by_autograd(weight, x, target):\n    NAME1 = torch.tensor(weight, requires_grad=True)\n    (NAME2,) = torch.autograd.grad((NAME1 * x - target) ** 2, NAME1)\n    return NAME2",
    ),
    "hw/each": (
        "def gradient_of_each(W, inputs):\n    NAME1 = []\n    for NAME2 in inputs:\n        W.grad = None\n        (W * NAME2).backward()\n        NAME1.append(W.grad.item())\n    return NAME1",
        "def gradient_of_each(W, inputs):\n    NAME1 = []\n    for NAME2 in inputs:\n        (NAME3,) = torch.autograd.grad(W * NAME2, W)\n        NAME1.append(float(NAME3))\n    return NAME1",
        "def gradient_of_each(W, inputs):\n    return [torch.autograd.grad(W * NAME1, W)[0].item() for NAME1 in inputs]",
        "def gradient_of_each(W, inputs):\n    NAME1 = list()\n    for NAME3 in range(len(inputs)):\n        if W.grad is not None:\n            W.grad.zero_()\n        NAME2 = W * inputs[NAME3]\n        NAME2.backward()\n        NAME1.append(float(W.grad))\n    return NAME1",
    ),
    "hw/step": (
        "def step(weight, gradient, rate):\n    return weight - rate * gradient",
        "def step(weight, gradient, rate):\n    NAME1 = rate * gradient\n    return weight - NAME1",
        "def step(weight, gradient, rate):\n    return weight - gradient * rate",
    ),
    "hw/mean": (
        "def row_means(table):\n    return table.mean(dim=1)",
        "def row_means(table):\n    return torch.mean(table, 1)",
        "def row_means(table):\n    return table.sum(1) / table.shape[1]",
        "def row_means(table):\n    NAME1 = []\n    for NAME2 in table:\n        NAME1.append(NAME2.mean())\n    return torch.stack(NAME1)",
    ),
    "hw/scaled": (
        "def scaled(table):\n    return (table - table.mean(0)) / table.std(0)",
        "def scaled(table):\n    NAME1 = table.mean(dim=0)\n    NAME2 = table.std(dim=0)\n    return (table - NAME1) / NAME2",
        "def scaled(table):\n    NAME1 = table - table.mean(dim=0, keepdim=True)\n    return NAME1 / NAME1.std(dim=0, keepdim=True)",
        "def scaled(table):\n    NAME1, NAME2 = table.mean(0), table.std(0)\n    NAME3 = table - NAME1\n    return NAME3 / NAME2",
    ),
}
NAMES = ("w", "t", "loss", "out", "res", "g", "err", "error", "tmp", "total", "result", "grads", "value", "p", "diff", "item", "i", "ans", "m", "s", "mu", "sigma", "weight_t", "pred")  # fmt: skip
COMMENTS = ("", "", "", "", "# derivative", "# see the notes", "# step", "# TODO check", "# mean", "# loop over inputs")


def training(chance: random.Random) -> str:
    """A longer answer, in which everybody goes a way of their own."""
    pick = chance.choice
    start = [
        pick(
            (
                "NAME1 = torch.zeros(X.shape[1], 1, requires_grad=True)",
                "NAME1 = torch.randn((X.size(1), 1)).requires_grad_()",
                "NAME1 = torch.nn.Parameter(torch.zeros(X.shape[-1], 1))",
            )
        ),
        pick(("NAME2 = torch.zeros(1, requires_grad=True)", "NAME2 = torch.tensor(0.0, requires_grad=True)")),
        pick(("NAME4 = []", "NAME4 = list()", "NAME4 = [0.0] * steps")),
    ]
    chance.shuffle(start)
    inside = [
        pick(("NAME5 = X @ NAME1 + NAME2", "NAME5 = torch.matmul(X, NAME1) + NAME2", "NAME5 = NAME2 + X.mm(NAME1)")),
        pick(
            (
                "NAME6 = ((NAME5 - y) ** 2).mean()",
                "NAME6 = torch.nn.functional.mse_loss(NAME5, y)",
                "NAME6 = (NAME5 - y).square().sum() / len(y)",
            )
        ),
        pick(
            (
                "if NAME1.grad is not None:\n            NAME1.grad.zero_()\n            NAME2.grad.zero_()",
                "NAME1.grad = None\n        NAME2.grad = None",
                "for NAME3 in (NAME1, NAME2):\n            NAME3.grad = None",
            )
        ),
        "NAME6.backward()",
        pick(
            (
                "with torch.no_grad():\n            NAME1 -= rate * NAME1.grad\n            NAME2 -= rate * NAME2.grad",
                "NAME1.data -= rate * NAME1.grad\n        NAME2.data -= rate * NAME2.grad",
                "with torch.no_grad():\n            for NAME3 in [NAME1, NAME2]:\n                NAME3.sub_(NAME3.grad * rate)",
            )
        ),
        pick(("NAME4 += [NAME6.item()]", "NAME4.append(float(NAME6))", "NAME4.append(NAME6.detach().item())")),
    ]
    loop = pick(("for NAME7 in range(steps):", "for _ in range(steps):", "for NAME7 in range(0, steps, 1):"))
    end = pick(
        ("return NAME1, NAME2, NAME4", "return NAME1.detach(), NAME2.detach(), NAME4", "return (NAME1, NAME2, NAME4)")
    )
    lines = ["def train(X, y, steps, rate):", *(f"    {line}" for line in start), f"    {loop}"]
    return "\n".join([*lines, *(f"        {line}" for line in inside), f"    {end}"])


def answers(chance: random.Random, solved: float = 0.9) -> dict[str, str]:
    """One honest student's work: a way for each question, the first ones more often, in their own hand."""
    work = {}
    for cell in RELEASED:
        if chance.random() > solved:
            work[cell] = RELEASED[cell]
            continue
        ways = WAYS.get(cell) or (training(chance),)
        way = chance.choices(ways, weights=[6, 4, 2, 1][: len(ways)])[0]
        names = chance.sample(NAMES, 7)
        text = re.sub(r"NAME(\d)", lambda match, names=names: names[int(match[1]) - 1], way)
        lines = [f"{line}  {note}" if (note := chance.choice(COMMENTS)) else line for line in text.splitlines()]
        work[cell] = "\n".join(lines)
    return work


def renamed(work: Mapping[str, str]) -> dict[str, str]:
    """The same work with other names, no comments and other spacing."""
    changed = {}
    for cell, text in work.items():
        text = re.sub(r"  #.*", "", text)
        for place, name in enumerate(NAMES):
            text = re.sub(rf"(?<![\w.]){name}\b(?!=)", f"my_{place}", text)
        changed[cell] = text.replace(" * ", "*").replace("    ", "  ")
    return changed


def classroom(works: Mapping[str, Mapping[str, str]]) -> ClassResults:
    """A class that handed these in; nothing of it was graded."""
    students = tuple(StudentResult(who, None, 1.0, 0.0, False, "passed", "", None, work) for who, work in works.items())
    return ClassResults("course", "hw", students, (), RELEASED)
