"""Explaining an error runs nothing of the user's, changes nothing and keeps nothing alive."""

from __future__ import annotations

import gc
import random
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from tests.see.raised import error_of
from torchmagic.observe.errors import explain_error
from torchmagic.observe.failed_calls import failed_call
from torchmagic.observe.recorded import Recorded


class Curious:
    """An object that notices when somebody looks at it."""

    def __init__(self) -> None:
        self.__dict__["seen"] = []
        self.__dict__["w"] = torch.ones(5, 4)

    def __getattr__(self, name: str) -> Any:
        self.seen.append(name)
        raise AttributeError(name)

    def __getattribute__(self, name: str) -> Any:
        if name not in ("seen", "w", "__dict__"):
            object.__getattribute__(self, "seen").append(name)
        return object.__getattribute__(self, name)

    def __repr__(self) -> str:
        self.seen.append("repr")
        return "Curious"

    def __len__(self) -> int:
        self.seen.append("len")
        return 3

    def __eq__(self, other: object) -> bool:
        self.seen.append("eq")
        return False

    __hash__ = None  # type: ignore[assignment]

    @property
    def x(self) -> Any:
        self.seen.append("x")
        return torch.ones(3, 4)


def test_no_property_repr_or_getattr_of_the_users_runs() -> None:
    thing = Curious()

    def run() -> object:
        return torch.cat([thing.x, thing.w], 1)

    error = error_of(run)
    thing.seen.clear()
    found = explain_error(error)
    assert found is not None
    assert thing.seen == []
    assert [operand.name for operand in found.operands if operand.tensor is not None] == ["thing.w"]


class Counted(torch.Tensor):
    calls = 0

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        cls.calls += 1
        return super().__torch_function__(func, types, args, kwargs or {})


def test_a_subclass_does_not_notice() -> None:
    x = torch.ones(3, 4).as_subclass(Counted)
    w = torch.ones(5, 4)
    error = error_of(lambda: x @ w)
    before = Counted.calls
    found = explain_error(error)
    assert Counted.calls == before
    assert found is not None
    assert found.kind == "matmul"


class Overriding(torch.Tensor):
    looked: list[str] = []  # noqa: RUF012

    @property
    def shape(self) -> Any:
        self.looked.append("shape")
        return torch.Size([9])

    @property
    def requires_grad(self) -> Any:
        self.looked.append("requires_grad")
        return True

    def numel(self) -> int:
        self.looked.append("numel")
        return 3

    def __repr__(self) -> str:
        self.looked.append("repr")
        return ""


def test_no_method_of_a_subclass_runs() -> None:
    x, w = torch.ones(3, 4).as_subclass(Overriding), torch.ones(5, 4)
    runs: list[Callable[[], object]] = [
        lambda: x @ w,
        lambda: x + torch.ones(3),
        lambda: torch.cat([x, torch.ones(2, 9)]),
        lambda: nn.Linear(3, 1)(x),
        lambda: x.view(5),
        lambda: x[7],
    ]
    for run in runs:
        error = error_of(run)
        Overriding.looked.clear()
        found = explain_error(error)
        assert Overriding.looked == []
        assert found is not None
        record = next(operand.tensor for operand in found.operands if operand.name.startswith("x"))
        assert record is not None
        assert (record.shape, record.kind) == ((3, 4), "Overriding")


class Noting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc, self.runs = nn.Linear(4, 2), 0

    def forward(self, x: Any) -> Any:
        self.runs += 1
        return self.fc(x)


def test_no_forward_no_hook_and_no_buffer_is_touched() -> None:
    hooks: list[str] = []
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(), Noting())
    model[0].register_forward_hook(lambda *_: hooks.append("ran"))
    model[2].fc.register_forward_pre_hook(lambda *_: hooks.append("ran"))
    plain = nn.Sequential(nn.BatchNorm1d(6), nn.Dropout(), nn.Linear(6, 2))
    x, wrong = torch.ones(3, 6, requires_grad=True), torch.ones(3, 5)
    for run in (lambda: model[2](x), lambda: plain(wrong)):
        error = error_of(run)
        runs, seen = model[2].runs, len(hooks)
        states = {name: value.clone() for name, value in plain.state_dict().items()}
        versions = [each._version for each in (x, wrong, *plain.parameters(), *plain.buffers())]
        assert explain_error(error) is not None
        assert (model[2].runs, len(hooks)) == (runs, seen)
        assert versions == [each._version for each in (x, wrong, *plain.parameters(), *plain.buffers())]
        assert all(torch.equal(states[name], value) for name, value in plain.state_dict().items())
        assert x.grad is None


def test_random_states_modes_and_defaults_stay() -> None:
    layer = nn.Sequential(nn.Dropout(), nn.Linear(3, 1))
    error = error_of(lambda: layer(torch.rand(2, 4)))
    before = torch.get_rng_state().clone(), random.getstate()
    with torch.no_grad():
        assert explain_error(error) is not None
        assert not torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert torch.is_grad_enabled()
    assert torch.overrides._get_current_function_mode_stack() == []


@pytest.mark.slow
def test_nothing_is_kept_alive() -> None:
    def fail() -> weakref.ref[Any]:
        x, w = torch.ones(30, 4), torch.ones(50, 4)
        try:
            torch.relu(x) @ w
        except RuntimeError as error:
            found = explain_error(error)
            assert found is not None
            assert found.remedies
            error.__traceback__ = None
        return weakref.ref(x)

    kept = fail()
    gc.collect()
    assert kept() is None


def test_the_call_tells_what_the_users_functions_computed() -> None:
    seen: list[Any] = []

    class Keep(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            try:
                return func(*args, **(kwargs or {}))
            except RuntimeError:
                seen.append((func, args, kwargs or {}))
                raise

    def encode(x: torch.Tensor) -> torch.Tensor:
        return x.double()

    def run() -> object:
        x, w = torch.ones(2, 3), torch.ones(4, 3, dtype=torch.float64)
        with Keep():
            return encode(x) @ w

    error = error_of(run)
    alone, told = explain_error(error), explain_error(error, recorded=Recorded(call=failed_call(*seen[0])))
    assert alone is not None
    assert alone.operands[0].tensor is None
    assert told is not None
    assert told.operands[0].tensor is not None
    assert (told.operands[0].name, told.operands[0].tensor.dtype) == ("encode(x)", "float64")
    assert told.remedies[0].code == "encode(x) @ w.T"


def test_large_operands_cost_nothing() -> None:
    x = torch.empty(1, dtype=torch.float32).expand(100_000, 100_000)
    found = explain_error(error_of(lambda: x @ torch.empty(3, 4)))
    assert found is not None
    assert found.operands[0].tensor is not None
    assert found.operands[0].tensor.shape == (100_000, 100_000)
