"""The logs of managed jobs as they are written: what was written stays, and is gone on with after a death."""

from __future__ import annotations

import json
import os
import resource
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api.backend import LogChunk
from styx.jobs.logfile import LONGEST_LINE, Log, counted
from styx.jobs.logs import path_of

TEXT = st.binary(max_size=30).map(lambda text: text.replace(b"x", b"\n"))


@pytest.fixture(autouse=True)
def closing() -> Iterator[None]:
    """Close all logs of a test at its end."""
    yield
    while OPENED:
        OPENED.pop().close()


OPENED: list[Log] = []


def opened(home: Path, run: int, *, ranks: int = 1, most: int | None = None) -> Log:
    """The log of job 1, for a server that is killed sooner or later."""
    OPENED.append(Log(home, 1, run, ranks=ranks, most=most))
    return OPENED[-1]


def content(home: Path) -> bytes:
    """What is in it."""
    return path_of(home, 1).read_bytes()


def test_a_run_that_is_taken_up_again_goes_on_at_the_end_of_the_file(tmp_path: Path) -> None:
    """What was written after the last mark is not read again: nothing twice, nothing lost."""
    log = opened(tmp_path, 1)
    log.add(LogChunk(0, 0, b"one\n"))
    log.mark()
    log.add(LogChunk(0, 4, b"two\n"))  # and then the server is killed
    again = opened(tmp_path, 1)
    assert again.reached == {0: 8}
    again.add(LogChunk(0, 8, b"three\n"))
    again.finish()
    assert content(tmp_path) == b"one\ntwo\nthree\n"


def test_another_run_is_written_behind_the_one_before(tmp_path: Path) -> None:
    """A recovered job's log has all of its runs, to the last byte, and each is read from its own beginning."""
    first = opened(tmp_path, 1)
    first.add(LogChunk(0, 0, b"one\n"))  # and then server and node are gone
    second = opened(tmp_path, 2)
    assert second.reached == {}
    second.add(LogChunk(0, 0, b"two\n"))  # and then the server is killed, before it has marked anything
    third = opened(tmp_path, 2)
    assert third.reached == {0: 4}
    third.finish()
    assert content(tmp_path) == b"one\ntwo\n"


def test_lines_of_several_nodes_are_kept_apart(tmp_path: Path) -> None:
    """Each line has its rank in front; one that has not ended is read again after a death."""
    log = opened(tmp_path, 1, ranks=2)
    log.add(LogChunk(0, 0, b"a0\nb"))
    log.mark()
    log.add(LogChunk(1, 0, b"a1\n"))
    assert log.reached == {0: 3, 1: 3}
    again = opened(tmp_path, 1, ranks=2)
    assert again.reached == {0: 3, 1: 3}
    again.add(LogChunk(0, 3, b"b0"))
    again.finish()
    assert content(tmp_path) == b"(rank 0) a0\n(rank 1) a1\n(rank 0) b0\n"


@given(
    said=st.lists(st.tuples(st.integers(0, 2), TEXT), max_size=20),
    kills=st.dictionaries(st.integers(0, 20), st.sampled_from([0, 1, 5])),
)
def test_nothing_is_lost_or_twice_wherever_servers_are_killed(
    said: list[tuple[int, bytes]], kills: dict[int, int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What each rank has said is there once and in order, and what was there once stays as it was.

    Also where so many bytes of what was written last, behind the last mark, were not.
    """
    home, node = tmp_path_factory.mktemp("home"), {0: b"", 1: b"", 2: b""}
    path_of(home, 1).parent.mkdir(parents=True)
    path_of(home, 1).touch()
    log, before = opened(home, 1, ranks=3), b""
    for step, (rank, text) in enumerate(said):
        node[rank] += text
        if step in kills:
            os.truncate(path_of(home, 1), max(marked(home), len(before) - kills[step]))
            before, log = content(home), opened(home, 1, ranks=3)
        tell(log, node)
        assert content(home).startswith(before)
        before = content(home)
    log.finish()
    for rank, text in node.items():
        head = b"(rank %d) " % rank
        mine = [line.removeprefix(head) for line in content(home).split(b"\n") if line.startswith(head)]
        assert b"".join(mine) == text.replace(b"\n", b"")
        assert log.reached.get(rank, 0) == len(text)


def marked(home: Path) -> int:
    """How long the file was at its last mark, which is put there once all before it is."""
    try:
        return int(json.loads(path_of(home, 1).with_suffix(".marks").read_text())["length"])
    except FileNotFoundError:
        return 0


def tell(log: Log, node: dict[int, bytes]) -> None:
    """Give the log what each rank has said and it has not written, as to who asks again."""
    for rank, text in node.items():
        at = log.reached.get(rank, 0)
        log.add(LogChunk(rank, at, text[at:]))


def test_lines_that_are_too_long_are_several(tmp_path: Path) -> None:
    """Also where they come all at once; what is counted of them is what they are."""
    log = opened(tmp_path, 1, ranks=2)
    text = b"x" * (2 * LONGEST_LINE) + b"\n" + b"y" * (LONGEST_LINE - 1) + b"\nz\n"
    log.add(LogChunk(1, 0, text))
    lines = content(tmp_path).splitlines(keepends=True)
    assert [len(line) - len(b"(rank 1) \n") for line in lines] == [LONGEST_LINE, LONGEST_LINE, 0, LONGEST_LINE - 1, 1]
    assert counted(lines) == {1: len(text)}
    assert counted([b"(rank 1) ab", b"rank 1) c\n", b"(ra"]) == {1: 2}


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_full_disk_keeps_output_waiting(tmp_path: Path, ranks: int) -> None:
    """What cannot be written counts as not read, what was written in part counts for that, and nothing is raised."""
    (tmp_path / "jobs").write_text("a file where a directory should be")
    log = opened(tmp_path, 1, ranks=ranks)
    assert not log.add(LogChunk(0, 0, b"one\n"))
    log.finish()
    assert log.reached == {}
    (tmp_path / "jobs").unlink()
    assert log.add(LogChunk(0, 0, b"one\n"))
    before = len(content(tmp_path))
    heard = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before + 12, limits[1]))
        assert not log.add(LogChunk(0, 4, b"two and more\nthree\n"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, heard)
    reached = log.reached[0]
    assert reached == (16 if ranks == 1 else 4 + len(b"two"))
    assert log.add(LogChunk(0, reached, b"one\ntwo and more\nthree\n"[reached:]))
    log.finish()
    head = b"(rank 0) " if ranks > 1 else b""
    said = content(tmp_path).replace(head, b"").replace(b"two\n and", b"two and")
    assert said == b"one\ntwo and more\nthree\n"


def test_a_log_that_is_too_long_is_cut(tmp_path: Path) -> None:
    """A line says where, once, whoever goes on with it, with the same run or the next."""
    log = opened(tmp_path, 1, most=10)
    log.add(LogChunk(0, 0, b"one\n"))
    log.mark()
    marks = path_of(tmp_path, 1).with_suffix(".marks").read_text()
    log.add(LogChunk(0, 4, b"two\nthree\n"))  # and then the server is killed, before it has marked anything
    path_of(tmp_path, 1).with_suffix(".marks").write_text(marks)
    again = opened(tmp_path, 1, most=10)
    again.add(LogChunk(0, 14, b"four\n" * 1000))
    again.finish()
    assert again.reached == {0: 5014}
    last = opened(tmp_path, 2, most=10)
    last.add(LogChunk(0, 0, b"one\n"))
    last.finish()
    assert content(tmp_path) == (
        b"one\ntwo\nth\n[styx: no more of the job's output is kept: it is longer than 10 B (jobs.max_log)]\n"
    )


@pytest.mark.parametrize(
    "marks",
    ["", "[]", "7", "null", "{}", '{"run": 1}', '{"run": 1, "length": null, "reached": [], "cut": 3}',
     '{"run": 1, "length": 4, "reached": {"x": 1}, "cut": false}'],
)  # fmt: skip
def test_marks_of_another_shape(tmp_path: Path, marks: str) -> None:
    """Of the first run all that is there is known; of another, nothing, and it is read from its beginning."""
    log = opened(tmp_path, 1)
    log.add(LogChunk(0, 0, b"one\n"))
    path_of(tmp_path, 1).with_suffix(".marks").write_text(marks)
    assert opened(tmp_path, 1).reached == {0: 4}
    path_of(tmp_path, 1).with_suffix(".marks").write_text(marks)
    second = opened(tmp_path, 2)
    assert second.reached == {}
    second.add(LogChunk(0, 0, b"two\n"))
    assert content(tmp_path) == b"one\ntwo\n"
    assert Counter(json.loads(path_of(tmp_path, 1).with_suffix(".marks").read_text()))["run"] == 2
