"""Secrets between submit and start."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from styx.agent import vault
from styx.agent.vault import Vault


@pytest.fixture
def shm() -> Iterator[Path]:
    """The place on tmpfs where a vault with the token of these tests keeps things."""
    if not Path("/dev/shm").is_dir() or not os.access("/dev/shm", os.W_OK):
        pytest.skip("this machine has no /dev/shm to write to")
    path = Path(f"/dev/shm/styx-test{os.getpid()}")
    yield path
    if path.is_dir():
        for file in path.iterdir():
            file.unlink()
        path.rmdir()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state directory of the agent."""
    path = tmp_path / "state"
    path.mkdir()
    return path


Make = Callable[[], Vault]


@pytest.fixture
def make(state: Path) -> Make:
    """Make a vault as the agent does at every start."""
    return lambda: Vault(f"test{os.getpid()}", str(state))


def _jobs(shm: Path) -> list[str]:
    return sorted(path.name for path in shm.iterdir() if path.name.isdigit())


def test_another_vault_finds_what_one_kept(shm: Path, make: Make) -> None:
    """A restarted agent has the secrets; the files are the user's alone."""
    make().keep(7, {"A": "b"})
    assert make().get(7) == {"A": "b"}
    assert stat.S_IMODE(shm.stat().st_mode) == 0o700
    assert stat.S_IMODE((shm / "7").stat().st_mode) == 0o600


def test_dropping_leaves_nothing(shm: Path, make: Make) -> None:
    """Once dropped they are gone, directory included; dropping and asking again make nothing anew."""
    kept = make()
    kept.keep(1, {"A": "b"})
    kept.keep(2, {"C": "d"})
    kept.drop(1)
    assert kept.get(1) is None
    assert kept.get(2) == {"C": "d"}
    make().drop(2)
    assert not shm.exists()
    assert make().get(2) is None
    make().drop(2)
    assert not shm.exists()


def test_sweeping_keeps_what_waits(shm: Path, make: Make) -> None:
    """A restarted agent removes what no waiting job needs, and the directory with the last of it."""
    kept = make()
    for number in (1, 2, 30):
        kept.keep(number, {"A": str(number)})
    make().sweep([2])
    assert _jobs(shm) == ["2"]
    assert make().get(2) == {"A": "2"}
    make().sweep([])
    assert not shm.exists()


def test_no_secrets_are_no_file(shm: Path, make: Make) -> None:
    """A job without secrets leaves nothing."""
    make().keep(1, {})
    assert not shm.exists()


def test_a_directory_open_to_others_is_not_used(shm: Path, make: Make) -> None:
    """A directory that somebody prepared with a wider mode, or a link, gets nothing; memory still has it."""
    shm.mkdir(mode=0o755)
    kept = make()
    kept.keep(1, {"A": "b"})
    assert list(shm.iterdir()) == []
    assert kept.get(1) == {"A": "b"}
    assert make().get(1) is None


def test_nothing_goes_to_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no place is backed by memory the secrets are in this process alone."""
    monkeypatch.setattr(vault, "_memory_backed", lambda _path: False)
    state = tmp_path / "state"
    kept = Vault("nowhere", str(state), str(tmp_path))
    kept.keep(1, {"A": "b"})
    assert kept.get(1) == {"A": "b"}
    assert list(tmp_path.rglob("*")) == []
    assert Vault("nowhere", str(state), str(tmp_path)).get(1) is None
    kept.drop(1)
    assert kept.get(1) is None


def test_neither_place_alone_says_anything(shm: Path, make: Make, state: Path) -> None:
    """What a node leaves on tmpfs is noise once its directory is gone, and so is what is on its disk."""
    make().keep(7, {"A": "correct-horse-battery"})
    for path in [*shm.iterdir(), *state.rglob("*")]:
        if path.is_file():
            assert b"horse" not in path.read_bytes()
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    shutil.rmtree(state)
    assert make().get(7) is None


def test_what_a_removed_node_left_is_swept_by_the_next_agent(shm: Path, make: Make, state: Path) -> None:
    """An agent that starts removes the files of clusters whose state is gone, and of no others."""
    make().keep(7, {"A": "b"})
    other = Vault(f"other{os.getpid()}", str(state.parent))
    other.sweep([])
    assert make().get(7) == {"A": "b"}
    shutil.rmtree(state)
    other.sweep([])
    assert not shm.exists()


def test_clearing_leaves_the_secrets_in_memory_alone(shm: Path, make: Make, state: Path) -> None:
    """Before a node removes itself its agent still has the secrets, and no file does."""
    kept = make()
    kept.keep(7, {"A": "b"})
    kept.clear()
    assert kept.get(7) == {"A": "b"}
    assert make().get(7) is None
    assert not shm.exists()
    assert not any(state.iterdir())
