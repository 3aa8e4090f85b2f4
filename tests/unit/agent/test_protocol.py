"""Framing: whatever the pieces, the same frames come out; whatever the bytes, nothing but ProtocolError."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.agent.protocol import (
    BYTES,
    HEADER,
    JSON,
    MAX_FRAME,
    Decoder,
    ProtocolError,
    decode_header,
    decode_json,
    encode,
    encode_json,
    read_frame,
)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
frames = st.lists(st.tuples(st.sampled_from([JSON, BYTES]), st.binary(max_size=300)), max_size=8)


@given(frames, st.data())
def test_frames_survive_any_cutting(sent: list[tuple[bytes, bytes]], data: st.DataObject) -> None:
    """A stream of frames, cut anywhere, is decoded into the same frames."""
    stream = b"".join(encode(kind, payload) for kind, payload in sent)
    decoder, at = Decoder(), 0
    found: list[tuple[bytes, bytes]] = []
    while at < len(stream):
        size = data.draw(st.integers(1, len(stream) - at))
        found += decoder.feed(stream[at : at + size])
        at += size
    assert found == sent


@given(st.binary(max_size=400))
def test_garbage_is_a_protocol_error_or_waits(data: bytes) -> None:
    """Bytes from a stranger never raise anything but ProtocolError."""
    decoder = Decoder()
    try:
        for kind, payload in decoder.feed(data):
            if kind == JSON:
                decode_json(payload)
    except ProtocolError:
        return


@given(st.dictionaries(st.text(), values, max_size=5))
def test_messages_survive(message: dict[str, Any]) -> None:
    """Any JSON object comes back as it was sent."""
    ((kind, payload),) = Decoder().feed(encode_json(message))
    assert kind == JSON
    assert decode_json(payload) == message


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"1", b"null", b'"a"', b"\xff", b"[" * 50_000])
def test_what_is_no_object_is_refused(payload: bytes) -> None:
    """Broken JSON, JSON that is no object, bytes that are no text and nesting without end are ProtocolErrors."""
    with pytest.raises(ProtocolError):
        decode_json(payload)


def test_the_largest_frame_passes_and_the_next_does_not() -> None:
    """MAX_FRAME bytes are a frame, one more is refused by sender and receiver alike."""
    ((_, payload),) = Decoder().feed(encode(BYTES, b"x" * MAX_FRAME))
    assert len(payload) == MAX_FRAME
    with pytest.raises(ProtocolError, match="longer"):
        encode(BYTES, b"x" * (MAX_FRAME + 1))
    with pytest.raises(ProtocolError, match="longer"):
        decode_header((MAX_FRAME + 1).to_bytes(4, "big") + JSON)
    with pytest.raises(ProtocolError, match="kind"):
        decode_header((1).to_bytes(4, "big") + b"X")


def test_the_frame_before_a_broken_one_is_still_delivered() -> None:
    """What came whole before the error is not lost with it."""
    feed = Decoder().feed(encode_json({"id": 1}) + b"XXXXX")
    assert next(feed) == (JSON, json.dumps({"id": 1}, separators=(",", ":")).encode())
    with pytest.raises(ProtocolError):
        next(feed)


class _Stream:
    def __init__(self, data: bytes) -> None:
        self._data = data

    async def readexactly(self, count: int) -> bytes:
        data, self._data = self._data[:count], self._data[count:]
        if len(data) < count:
            raise EOFError
        return data

    def write(self, data: bytes) -> None:
        raise NotImplementedError

    async def drain(self) -> None:
        raise NotImplementedError


async def test_reading_a_frame_from_a_stream() -> None:
    """One frame is read exactly; an early end is the stream's own error."""
    stream = _Stream(encode(BYTES, b"abc") + b"\0" * (HEADER - 1))
    assert await read_frame(stream) == (BYTES, b"abc")
    with pytest.raises(EOFError):
        await read_frame(stream)
