"""How files are cut, and what S3 calls what was put together."""

from __future__ import annotations

import hashlib
import os
import tempfile
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api import InvalidRequest
from styx_aws.s3 import parts
from styx_aws.s3.parts import PART, cut, matches

LARGEST = (5 << 30) * 10_000


@given(size=st.one_of(st.integers(0, 4 * PART), st.integers(0, 10_001 * PART), st.integers(0, LARGEST // 1000)))
def test_parts_are_what_s3_takes(size: int) -> None:
    """They follow each other without holes, 10,000 at most, all of one length from 5 MiB to 5 GiB but the last."""
    pieces = cut(size)
    assert [piece.number for piece in pieces] == list(range(1, len(pieces) + 1))
    assert len(pieces) <= 10_000
    ends = [piece.offset + piece.length for piece in pieces]
    assert [piece.offset for piece in pieces] == [0, *ends[:-1]]
    assert ends[-1] == size
    *others, last = (piece.length for piece in pieces)
    assert len(set(others)) <= 1
    assert all(5 << 20 <= length <= 5 << 30 for length in others)
    assert last > 0 or size == 0
    assert last <= (others or [PART])[0]


def test_there_is_a_largest_file() -> None:
    """What needs parts of more than 5 GiB is refused before it is read."""
    with pytest.raises(InvalidRequest, match="too large for S3"):
        cut(LARGEST + (1 << 40))


@given(content=st.binary(max_size=100), other=st.binary(max_size=100), most=st.integers(1, 8))
def test_etags_are_those_of_s3(content: bytes, other: bytes, most: int) -> None:
    """The MD5 of one piece, or the MD5 of the parts' MD5s and how many they are."""
    with mock.patch.multiple(parts, PART=7, _MOST=most), tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        length = 7
        while len(content) > length * most:
            length *= 2
        hashes = [hashlib.md5(content[at : at + length]).digest() for at in range(0, len(content), length) or [0]]
        whole, joined = hashlib.md5(content).hexdigest(), hashlib.md5(b"".join(hashes)).hexdigest()
        assert matches(file.fileno(), len(content), whole) is True
        assert matches(file.fileno(), len(content), f"{joined}-{len(hashes)}") is True
        assert matches(file.fileno(), len(content), f"{joined}-{len(hashes) + 1}") is None
        if other != content:
            assert matches(file.fileno(), len(content), hashlib.md5(other).hexdigest()) is False


@pytest.mark.parametrize("etag", ["", "abc", "0" * 31, "0" * 32 + "-0", "G" * 32, "0" * 32 + "-1-1"])
def test_what_is_no_hash_says_nothing(etag: str) -> None:
    """Other stores call objects what they like."""
    with tempfile.TemporaryFile() as file:
        assert matches(file.fileno(), os.fstat(file.fileno()).st_size, etag) is None
