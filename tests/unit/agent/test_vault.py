"""Secrets between submit and start."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
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


def _vault() -> Vault:
    return Vault(f"test{os.getpid()}")


def test_another_vault_finds_what_one_kept(shm: Path) -> None:
    """A restarted agent has the secrets; the files are the user's alone."""
    _vault().keep(7, {"A": "b"})
    assert _vault().get(7) == {"A": "b"}
    assert stat.S_IMODE(shm.stat().st_mode) == 0o700
    assert stat.S_IMODE((shm / "7").stat().st_mode) == 0o600


def test_dropping_leaves_nothing(shm: Path) -> None:
    """Once dropped they are gone, directory included; dropping and asking again make nothing anew."""
    kept = _vault()
    kept.keep(1, {"A": "b"})
    kept.keep(2, {"C": "d"})
    kept.drop(1)
    assert kept.get(1) is None
    assert kept.get(2) == {"C": "d"}
    _vault().drop(2)
    assert not shm.exists()
    assert _vault().get(2) is None
    _vault().drop(2)
    assert not shm.exists()


def test_sweeping_keeps_what_waits(shm: Path) -> None:
    """A restarted agent removes what no waiting job needs, and the directory with the last of it."""
    kept = _vault()
    for number in (1, 2, 30):
        kept.keep(number, {"A": str(number)})
    _vault().sweep([2])
    assert [path.name for path in shm.iterdir()] == ["2"]
    assert _vault().get(2) == {"A": "2"}
    _vault().sweep([])
    assert not shm.exists()


def test_no_secrets_are_no_file(shm: Path) -> None:
    """A job without secrets leaves nothing."""
    _vault().keep(1, {})
    assert not shm.exists()


def test_a_directory_open_to_others_is_not_used(shm: Path) -> None:
    """A directory that somebody prepared with a wider mode, or a link, gets nothing; memory still has it."""
    shm.mkdir(mode=0o755)
    kept = _vault()
    kept.keep(1, {"A": "b"})
    assert list(shm.iterdir()) == []
    assert kept.get(1) == {"A": "b"}
    assert _vault().get(1) is None


def test_nothing_goes_to_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no place is backed by memory the secrets are in this process alone."""
    monkeypatch.setattr(vault, "_memory_backed", lambda _path: False)
    kept = Vault("nowhere", str(tmp_path))
    kept.keep(1, {"A": "b"})
    assert kept.get(1) == {"A": "b"}
    assert list(tmp_path.rglob("*")) == []
    assert Vault("nowhere", str(tmp_path)).get(1) is None
    kept.drop(1)
    assert kept.get(1) is None
