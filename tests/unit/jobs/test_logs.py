"""The logs of managed jobs: what is kept, read from anywhere, and gone on with after a death."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from styx.api.backend import LogChunk
from styx.jobs import logs
from styx.jobs.logs import PIECE, path_of, read, start_of_tail
from styx.jobs.model import JobOptions
from styx.jobs.submit import submit
from styx.sealing import Sealer
from styx.spec import Task
from styx.store import Store


@pytest.fixture(autouse=True)
def closing() -> Iterator[None]:
    """Close all logs of a test at its end."""
    yield
    while OPENED:
        OPENED.pop().close()


OPENED: list[logs.Log] = []


def opened(home: Path, number: int, run: int, *, ranks: int = 1, most: int | None = None) -> logs.Log:
    """A log, for a server that is killed sooner or later."""
    OPENED.append(logs.Log(home, number, run, ranks=ranks, most=most))
    return OPENED[-1]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with one job, whose number is 1."""
    store = Store.open(home=tmp_path)
    submit(store, Sealer.open(tmp_path), Task("t").run("true"), JobOptions(), user="me")
    return store


def test_a_run_that_is_taken_up_again_goes_on_where_its_marks_are(tmp_path: Path) -> None:
    """What was written after the last mark is read again and takes its own place: nothing twice, nothing lost."""
    log = opened(tmp_path, 1, run=1)
    log.add(LogChunk(0, 0, b"one\n"))
    log.mark()
    log.add(LogChunk(0, 4, b"two\n"))  # and then the server is killed
    again = opened(tmp_path, 1, run=1)
    assert again.reached == {0: 4}
    assert path_of(tmp_path, 1).read_bytes() == b"one\ntwo\n", "as long as nothing new has come, nothing is lost"
    again.add(LogChunk(0, 4, b"two\nthree\n"))
    again.finish()
    assert path_of(tmp_path, 1).read_bytes() == b"one\ntwo\nthree\n"


def test_another_run_is_written_behind_the_one_before(tmp_path: Path) -> None:
    """A recovered job's log has all of its runs, each read from its own beginning."""
    first = opened(tmp_path, 1, run=1)
    first.add(LogChunk(0, 0, b"one\n"))
    first.finish()
    second = opened(tmp_path, 1, run=2)
    assert second.reached == {}
    second.add(LogChunk(0, 0, b"two\n"))
    second.finish()
    assert path_of(tmp_path, 1).read_bytes() == b"one\ntwo\n"


def test_lines_of_several_nodes_are_kept_apart(tmp_path: Path) -> None:
    """Each line has its rank in front, and one that has not ended is read again after a death."""
    log = opened(tmp_path, 1, run=1, ranks=2)
    log.add(LogChunk(0, 0, b"a0\nb"))
    log.add(LogChunk(1, 0, b"a1\n"))
    log.mark()
    assert log.reached == {0: 3, 1: 3}
    again = opened(tmp_path, 1, run=1, ranks=2)
    again.add(LogChunk(0, 3, b"b0"))
    again.finish()
    assert path_of(tmp_path, 1).read_bytes() == b"(rank 0) a0\n(rank 1) a1\n(rank 0) b0\n"


def test_a_full_disk_stops_no_job(tmp_path: Path) -> None:
    """What cannot be written is lost, and nothing is raised."""
    (tmp_path / "jobs").write_text("a file where a directory should be")
    log = opened(tmp_path, 1, run=1)
    log.add(LogChunk(0, 0, b"one\n"))
    log.finish()
    assert log.reached == {0: 4}


def test_a_log_that_is_too_long_is_cut(tmp_path: Path) -> None:
    """A line says where, once, whoever goes on with it, with the same run or the next."""
    log = opened(tmp_path, 1, run=1, most=10)
    log.add(LogChunk(0, 0, b"one\n"))
    log.mark()
    log.add(LogChunk(0, 4, b"two\nthree\n"))  # and then the server is killed
    again = opened(tmp_path, 1, run=1, most=10)
    again.add(LogChunk(0, 4, b"two\nthree\n"))
    again.add(LogChunk(0, 14, b"four\n" * 1000))
    again.finish()
    assert again.reached == {0: 5014}
    last = opened(tmp_path, 1, run=2, most=10)
    last.add(LogChunk(0, 0, b"one\n"))
    last.finish()
    assert path_of(tmp_path, 1).read_bytes() == (
        b"one\ntwo\nth\n[styx: no more of the job's output is kept: it is longer than 10 B (jobs.max_log)]\n"
    )


async def test_a_log_is_read_from_any_byte_and_by_lines(tmp_path: Path, store: Store) -> None:
    """In pieces of a bounded size; of a job that has written nothing there is nothing."""
    assert [piece async for piece in read(tmp_path, store, 1, follow=False)] == []
    log = opened(tmp_path, 1, run=1)
    text = b"".join(b"line %d\n" % number for number in range(20_000))
    log.add(LogChunk(0, 0, text))
    log.finish()
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
