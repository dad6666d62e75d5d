"""Frames: what is sent arrives, and nothing malformed, oversized or endless gets further than an error."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graders.engine.wire import Caps, Frame, WireClosed, WireError, WireTimeout, encode_frame, recv_frame, send_frame

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    left, right = socket.socketpair()
    yield left, right
    left.close()
    right.close()


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(header=st.dictionaries(st.text(max_size=5), _json, max_size=5), sizes=st.lists(st.integers(0, 7), max_size=3))
def test_what_is_sent_arrives(header: dict[str, object], sizes: list[int]) -> None:
    left, right = socket.socketpair()
    tensors = {str(i): torch.arange(float(n)) for i, n in enumerate(sizes)}
    with left, right:
        send_frame(left, Frame(header, tensors))
        received = recv_frame(right, deadline=time.monotonic() + 5)
    assert received.header == header
    assert all(torch.equal(received.tensors[k], t) for k, t in tensors.items())


@given(noise=st.binary(min_size=1, max_size=200))
def test_noise_is_an_error_and_nothing_else(noise: bytes) -> None:
    left, right = socket.socketpair()
    with left, right:
        left.sendall(noise)
        left.shutdown(socket.SHUT_WR)
        with pytest.raises(WireError):
            recv_frame(right, deadline=time.monotonic() + 5)


@pytest.mark.parametrize(
    ("prefix", "says"),
    [
        (struct.pack(">2sBBIQ", b"TM", 1, 0, 0xFFFFFFFF, 0), "over the limit"),
        (struct.pack(">2sBBIQ", b"TM", 1, 0, 2, 1 << 60), "over the limit"),
        (struct.pack(">2sBBIQ", b"TM", 9, 0, 2, 0) + b"{}", "no frame of this protocol"),
        (struct.pack(">2sBBIQ", b"TM", 1, 0, 2, 0) + b"[]", "not an object"),
        (struct.pack(">2sBBIQ", b"TM", 1, 0, 3, 0) + b"{x}", "not JSON"),
        (struct.pack(">2sBBIQ", b"TM", 1, 0, 200_000, 0) + b"[" * 200_000, "not JSON"),
        (struct.pack(">2sBBIQ", b"TM", 1, 0, 2, 8) + b"{}" + b"\xff" * 8, "cannot be read"),
    ],
)
def test_each_lie_has_its_message(pair: Pair, prefix: bytes, says: str) -> None:
    threading.Thread(target=pair[0].sendall, args=(prefix,), daemon=True).start()
    with pytest.raises(WireError, match=says):
        recv_frame(pair[1], deadline=time.monotonic() + 5)


def test_a_body_that_never_comes_takes_no_memory_and_ends_at_the_deadline(pair: Pair) -> None:
    pair[0].sendall(struct.pack(">2sBBIQ", b"TM", 1, 0, 2, 400 << 20) + b"{}")
    with pytest.raises(WireTimeout):
        recv_frame(pair[1], caps=Caps(), deadline=time.monotonic() + 0.2)


def test_an_end_of_stream_is_told_from_silence(pair: Pair) -> None:
    head, _ = encode_frame(Frame({"op": "get"}))
    pair[0].sendall(head[:-3])
    pair[0].close()
    with pytest.raises(WireClosed):
        recv_frame(pair[1], deadline=time.monotonic() + 5)


def test_sending_to_one_who_does_not_read_gives_up(pair: Pair) -> None:
    with pytest.raises(WireTimeout):
        send_frame(pair[0], Frame({"x": "y" * 10_000_000}), deadline=time.monotonic() + 0.2)
