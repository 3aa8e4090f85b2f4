"""Looking for a notice of preemption, on a clock that is only counted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from styx.agent import commands, loop
from styx.agent.node import Node, read_config
from styx.agent.notices import Notices


class _Ranks:
    """Nothing runs here."""

    def __init__(self, root: Path) -> None:
        self.notice = str(root / "preemption")
        self.active: dict[tuple[int, int], Any] = {}
        self.changed = loop.Signal()


class _Enough(Exception):
    """The time that a test looks at is over."""


class _Time:
    """Waiting is counted, looks take ``takes`` seconds, and the one after ``notice`` seconds succeeds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, takes: float, notice: float, until: float) -> None:
        self.now = 0.0
        self.looks: list[float] = []
        self._takes, self._notice, self._until = takes, notice, until
        monkeypatch.setattr(commands, "run", self._run)
        monkeypatch.setattr(loop.Signal, "wait", self._wait)

    async def _run(self, script: str, _words: Any, _env: Any, timeout: float) -> commands.Done:
        assert script == "ask"
        self.looks.append(self.now)
        self.now += min(self._takes, timeout)
        return commands.Done(0 if self.now >= self._notice else 1, "")

    async def _wait(self, timeout: float | None = None) -> bool:
        if timeout is None or self.now + timeout > self._until:
            raise _Enough
        self.now += timeout
        return False


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node that was told how to ask."""
    made = Node(str(tmp_path), "build")
    made.config = read_config({"cluster_key": "k", "home": str(tmp_path), "notice": "ask"})
    yield made
    made.table.close()


def _watch(made: Notices) -> None:
    with pytest.raises(_Enough):
        loop.run(made.run())


def test_a_node_asks_every_two_seconds_until_there_is_a_notice(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And never again after it: what was given is on record and in a file."""
    time, made = _Time(monkeypatch, 0.0, notice=7.0, until=100.0), Notices(node, _Ranks(tmp_path))  # type: ignore[arg-type]
    _watch(made)
    assert time.looks == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert set(made.known()) == {"0"}
    assert (tmp_path / "preemption").read_text().endswith("Z\n")
    assert node.table.fact("notice")["boot_id"] == node.boot_id


def test_a_question_that_takes_long_is_not_asked_twice_at_once(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has a time of its own, and the next one comes two seconds after it."""
    time = _Time(monkeypatch, 60.0, notice=1e9, until=30.0)
    _watch(Notices(node, _Ranks(tmp_path)))  # type: ignore[arg-type]
    assert time.looks == [0.0, 12.0, 24.0]


def test_without_a_command_nothing_is_asked(node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does anything wake up for it."""
    assert node.config is not None
    node.config["notice"] = ""
    time = _Time(monkeypatch, 0.0, notice=0.0, until=30.0)
    _watch(Notices(node, _Ranks(tmp_path)))  # type: ignore[arg-type]
    assert (time.looks, time.now) == ([], 0.0)


def test_a_full_disk_keeps_no_notice_from_being_told(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told at once, and written down when there is room."""
    ranks = _Ranks(tmp_path / "later")
    time, made = _Time(monkeypatch, 0.0, notice=0.0, until=6.0), Notices(node, ranks)  # type: ignore[arg-type]
    _watch(made)
    assert (time.looks, time.now, len(made.known())) == ([0.0], 6.0, 1)
    (tmp_path / "later").mkdir()
    _watch(made)
    assert Path(ranks.notice).exists()


@pytest.mark.parametrize(("boot", "kept"), [("this", True), ("another", False)])
def test_a_notice_is_of_one_boot(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, boot: str, kept: bool
) -> None:
    """The agent that is started next knows it; on a machine that was booted anew it is void, and its file goes."""
    node.table.set_fact("notice", {"at": 5.0, "boot_id": node.boot_id if boot == "this" else boot})
    (tmp_path / "preemption").write_text("from before\n")
    time, made = _Time(monkeypatch, 0.0, notice=1e9, until=1.0), Notices(node, _Ranks(tmp_path))  # type: ignore[arg-type]
    _watch(made)
    assert made.known() == ({"0": 5.0} if kept else {})
    assert (tmp_path / "preemption").exists() == kept
    assert bool(time.looks) != kept


def test_what_a_peer_says_of_itself_counts_as_long_as_it_says_so(node: Node, tmp_path: Path) -> None:
    """What makes no sense says nothing."""
    made = Notices(node, _Ranks(tmp_path))  # type: ignore[arg-type]
    made.heard(1, 7.5)
    assert made.known() == {"1": 7.5}
    made.heard(1, "soon")
    assert made.known() == {}
