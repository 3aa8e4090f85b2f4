"""From chunks of bytes to lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api import LogChunk
from styx.sdk import Job, _lines


@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=3), cuts=st.lists(st.integers(1, 9)))
def test_however_the_bytes_are_cut(texts: list[str], cuts: list[int]) -> None:
    """Each rank's lines come out whole and in order, wherever chunks begin and end."""
    streams = {rank: text.encode() for rank, text in enumerate(texts)}
    chunks, sizes = [], [*cuts, 5]
    while any(streams.values()):
        for rank in list(streams):
            size = sizes[len(chunks) % len(sizes)]
            piece, streams[rank] = streams[rank][:size], streams[rank][size:]
            if piece:
                chunks.append(LogChunk(rank, 0, piece))
    lines = list(_lines(iter(chunks)))
    expected = [line for text in texts for line in text.removesuffix("\n").split("\n") if text]
    assert sorted(lines) == sorted(expected)
    if len(texts) == 1:
        assert lines == expected


def test_bytes_that_are_no_text() -> None:
    """Output that is not UTF-8 is shown with replacement characters, not refused."""
    assert list(_lines(iter([LogChunk(0, 0, b"a\xffb\n"), LogChunk(0, 4, b"\xe2\x82")]))) == ["a\ufffdb"]


def test_a_task_without_run_has_no_job() -> None:
    """Asking for the job of a task that ran nothing says so."""
    with pytest.raises(ValueError, match="nothing was run on cluster 'c'"):
        _ = Job("c", None).number
