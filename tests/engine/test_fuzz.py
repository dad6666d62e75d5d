"""What the fuzzer starts from, and what hypothesis makes of it, leads to a value, a described error or a WireError."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.judge import Unexpected, one_input

SEEDS = sorted((Path(__file__).resolve().parents[2] / "fuzz" / "seeds").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS, ids=lambda path: path.name)
def test_a_seed_does_no_harm(seed: Path) -> None:
    one_input(seed.read_bytes())


_words = st.sampled_from(
    ["t", "v", "o", "n", "i", "d", "h", "k", "re", "id", "call", "out", "cut", "list", "tensor", "s", "j"]
)
_values = (
    st.none() | st.booleans() | st.integers(-3, 300) | st.floats(allow_nan=False) | _words | st.just([]) | st.just({})
)


def _spots(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(spot for key, value in inner for spot in _spots(value, (*path, key)))]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_seed_with_anything_in_any_place_does_no_harm(data: st.DataObject) -> None:
    message = json.loads(data.draw(st.sampled_from(SEEDS)).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        *path, last = data.draw(st.sampled_from([spot for spot in _spots(message) if spot]))
        holder = message
        for key in path:
            holder = holder[key]
        holder[last] = data.draw(_values)
    one_input(json.dumps(message).encode())


@given(noise=st.binary(max_size=300))
def test_noise_does_no_harm(noise: bytes) -> None:
    one_input(b"\x00" + noise)


def test_the_fuzzers_own_check_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("graders.engine.remote.Student.get", broken)
    with pytest.raises(Unexpected):
        one_input(SEEDS[0].read_bytes())
