"""Frames: what is sent arrives, and nothing malformed, oversized or endless gets further than an error."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graders.engine.deadline import Deadline
from graders.engine.wire import Caps, Frame, WireClosed, WireError, WireTimeout, encode_frame, recv_frame, send_frame

Pair = tuple[socket.socket, socket.socket]


def _frame(
    header: bytes, body: int = 0, *, header_length: int | None = None, magic: bytes = b"TM", version: int = 2
) -> bytes:
    length = len(header) if header_length is None else header_length
    return struct.pack(">2sBBIQ", magic, version, 0, length, body) + header


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
        received = recv_frame(right, deadline=Deadline.after(5))
    assert received.header == header
    assert all(torch.equal(received.tensors[k], t) for k, t in tensors.items())


@pytest.mark.parametrize("dtype", [torch.bool, torch.int8, torch.bfloat16, torch.float64, torch.complex64])
def test_every_dtype_arrives(pair: Pair, dtype: torch.dtype) -> None:
    sent = {"a": torch.tensor([[1, 0, 1]]).to(dtype), "scalar": torch.ones((), dtype=dtype), "no": torch.ones(0, 3)}
    send_frame(pair[0], Frame({}, sent))
    received = recv_frame(pair[1], deadline=Deadline.after(5)).tensors
    assert list(received) == list(sent)
    assert all(torch.equal(received[k], t) and received[k].dtype == t.dtype for k, t in sent.items())


def test_one_element_of_any_stride_arrives(pair: Pair) -> None:
    send_frame(pair[0], Frame({}, {"a": torch.ones(1).as_strided((1,), (0,)), "b": torch.ones(()).expand(0)}))
    assert [t.tolist() for t in recv_frame(pair[1]).tensors.values()] == [[1.0], []]


def test_a_byte_that_is_no_bool_becomes_one(pair: Pair) -> None:
    pair[0].sendall(_frame(b'[{},["a","bool",[3]]]', 3) + b"\x00\x01\xfe")
    assert recv_frame(pair[1]).tensors["a"].view(torch.uint8).tolist() == [0, 1, 1]


@given(noise=st.binary(min_size=1, max_size=200))
def test_noise_is_an_error_and_nothing_else(noise: bytes) -> None:
    left, right = socket.socketpair()
    with left, right:
        left.sendall(noise)
        left.shutdown(socket.SHUT_WR)
        with pytest.raises(WireError):
            recv_frame(right, deadline=Deadline.after(5))


@pytest.mark.parametrize(
    ("prefix", "says"),
    [
        (_frame(b"", 0, header_length=0xFFFFFFFF), "over the limit"),
        (_frame(b"[{}]", 1 << 60), "over the limit"),
        (_frame(b"[{}]", magic=b"GZ"), "no frame of this protocol"),
        (_frame(b"[{}]", version=9), "of version 9, not 2"),
        (_frame(b"[]"), "not an object"),
        (_frame(b"{}"), "not an object"),
        (_frame(b"{x}"), "not JSON"),
        (_frame(b"[" * 200_000), "not JSON"),
        (_frame(b"[{}]", 8), "a body without tensors"),
        (_frame(b'[{},["a","float32",[3]]]', 8), "not as large as the body"),
        (_frame(b'[{},["a","float32",[2]],["a","float32",[0]]]', 8), "malformed"),
        (_frame(b'[{},["a","float32",[-2]]]', 8), "shape is malformed"),
        (_frame(b'[{},["a","float32",[0,281474976710655,281474976710655,281474976710655]]]'), "cannot be read"),
        (_frame(b'[{},["a","float32",' + str([1] * 65).encode() + b"]]", 4), "too many"),
        (_frame(b'[{},["a","nn",[2]]]', 8), "no dtype 'nn'"),
        (_frame(b'[{},["a","quint8",[8]]]', 8), "no dtype 'quint8'"),
        (_frame(b"[{},7]", 8), "malformed"),
    ],
)
def test_each_lie_has_its_message(pair: Pair, prefix: bytes, says: str) -> None:
    threading.Thread(target=pair[0].sendall, args=(prefix,), daemon=True).start()
    with pytest.raises(WireError, match=says):
        recv_frame(pair[1], deadline=Deadline.after(5))


@pytest.mark.slow
def test_a_body_that_never_comes_takes_no_memory_and_ends_at_the_deadline(pair: Pair) -> None:
    pair[0].sendall(_frame(b'[{},["a","uint8",[419430400]]]', 400 << 20))
    with pytest.raises(WireTimeout):
        recv_frame(pair[1], caps=Caps(), deadline=Deadline.after(0.2))


def test_an_end_of_stream_is_told_from_silence(pair: Pair) -> None:
    head, _ = encode_frame(Frame({"op": "get"}))
    pair[0].sendall(head[:-3])
    pair[0].close()
    with pytest.raises(WireClosed):
        recv_frame(pair[1], deadline=Deadline.after(5))


@pytest.mark.slow
def test_sending_to_one_who_does_not_read_gives_up(pair: Pair) -> None:
    with pytest.raises(WireTimeout):
        send_frame(pair[0], Frame({"x": "y" * 10_000_000}), deadline=Deadline.after(0.2))
