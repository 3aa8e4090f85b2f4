"""The logs of managed jobs, read from anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from styx.api.backend import LogChunk
from styx.jobs.logfile import Log
from styx.jobs.logs import PIECE, read, start_of_tail
from styx.jobs.model import JobOptions
from styx.jobs.submit import submit
from styx.sealing import Sealer
from styx.spec import Task
from styx.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with one job, whose number is 1."""
    store = Store.open(home=tmp_path)
    submit(store, Sealer.open(tmp_path), Task("t").run("true"), JobOptions(), user="me")
    return store


async def test_a_log_is_read_from_any_byte_and_by_lines(tmp_path: Path, store: Store) -> None:
    """In pieces of a bounded size; of a job that has written nothing there is nothing."""
    assert [piece async for piece in read(tmp_path, store, 1, follow=False)] == []
    log = Log(tmp_path, 1, 1)
    text = b"".join(b"line %d\n" % number for number in range(20_000))
    log.add(LogChunk(0, 0, text))
    log.finish()
    log.close()
    pieces = [piece async for piece in read(tmp_path, store, 1, follow=False, offset=7)]
    assert b"".join(pieces) == text[7:]
    assert max(map(len, pieces)) == PIECE
    assert b"".join([piece async for piece in read(tmp_path, store, 1, follow=False, tail=2)]) == (
        b"line 19998\nline 19999\n"
    )


@pytest.mark.parametrize(("lines", "start"), [(0, 6), (1, 4), (2, 2), (3, 0), (9, 0)])
def test_the_last_lines_begin(tmp_path: Path, lines: int, start: int) -> None:
    """After the line ends before them, the very last of which begins no line."""
    (tmp_path / "log").write_bytes(b"a\nb\nc\n")
    assert start_of_tail(tmp_path / "log", lines) == start
