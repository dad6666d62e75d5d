"""What the user has put between torch and the cell does not notice the watch: subclasses, modes and traces."""

from __future__ import annotations

import warnings
from contextlib import nullcontext

import torch

from tests.see.graph_cells import fresh, run
from torchmagic.observe.graph import GraphWatch, trace


def test_a_subclass_of_the_users_does_not_notice() -> None:
    source = (
        "class Logged(torch.Tensor):\n"
        "    @classmethod\n"
        "    def __torch_function__(cls, func, types, args=(), kwargs=None):\n"
        "        log.append(getattr(func, '__name__', '?'))\n"
        "        return super().__torch_function__(func, types, args, kwargs or {})\n"
        "x = torch.ones(2).as_subclass(Logged)\n"
        "w = torch.ones(2, requires_grad=True)\n"
        "s = (x * w).sum()\ns.backward()"
    )
    logs = []
    for watch in (False, True):
        namespace = fresh() | {"log": []}
        with GraphWatch() if watch else nullcontext() as watching:
            run(source, namespace)
        logs.append(list(namespace["log"]))
        if watching is not None:
            watching.record(namespace, list(namespace))
            trace(namespace["s"], names=namespace)
            assert namespace["log"] == logs[0]
    assert logs[0] == logs[1] != []


def test_modes_of_the_users_do_not_notice() -> None:
    source = (
        "from torch.utils._python_dispatch import TorchDispatchMode\n"
        "from torch.overrides import TorchFunctionMode\n"
        "class Seen(TorchDispatchMode):\n"
        "    def __torch_dispatch__(self, func, types, args=(), kwargs=None):\n"
        "        log.append(str(func))\n"
        "        return func(*args, **(kwargs or {}))\n"
        "class Called(TorchFunctionMode):\n"
        "    def __torch_function__(self, func, types, args=(), kwargs=None):\n"
        "        log.append(getattr(func, '__name__', '?'))\n"
        "        return func(*args, **(kwargs or {}))\n"
        "w = torch.ones(2, requires_grad=True)\n"
        "with Seen(), Called():\n"
        "    (w * 2).sum().backward()\n"
    )
    logs = []
    for watch in (False, True):
        namespace = fresh() | {"log": []}
        with GraphWatch() if watch else nullcontext():
            run(source, namespace)
        logs.append(namespace["log"])
    assert logs[0] == logs[1] != []


def test_a_mode_that_the_cell_leaves_on_stays_on_and_ours_goes() -> None:
    namespace = fresh()
    depth = torch._C._len_torch_function_stack()
    try:
        with GraphWatch():
            run(
                "from torch.overrides import TorchFunctionMode\n"
                "class Called(TorchFunctionMode):\n"
                "    count = 0\n"
                "    def __torch_function__(self, func, types, args=(), kwargs=None):\n"
                "        Called.count += 1\n"
                "        return func(*args, **(kwargs or {}))\n"
                "mode = Called()\nmode.__enter__()",
                namespace,
            )
        assert torch._C._len_torch_function_stack() == depth + 1
        torch.ones(2) * 2
        assert namespace["Called"].count > 0
    finally:
        namespace["mode"].__exit__(None, None, None)
    assert torch._C._len_torch_function_stack() == depth


def test_a_trace_of_torch_jit_holds_only_the_users_operations() -> None:
    source = "traced = torch.jit.trace(lambda x: (x * 2).sum(), torch.ones(3, requires_grad=True))"
    graphs = []
    for watch in (False, True):
        namespace = fresh()
        with warnings.catch_warnings(), GraphWatch() if watch else nullcontext():
            warnings.simplefilter("ignore")
            run(source, namespace)
        graphs.append([node.kind() for node in namespace["traced"].graph.nodes()])
    assert graphs[0] == graphs[1] != []
