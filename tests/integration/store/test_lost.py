"""A database that was lost: what is left of it is said, and the installation stays the one that owns its machines."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from styx.api.errors import StoreError
from styx.store import Store
from styx.store.memory import memory_path
from styx.store.peek import DATABASE_NAME

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def test_a_first_database_is_not_one_that_was_lost(tmp_path: Path) -> None:
    """Made, closed and opened again, it remembers its id and nothing bad."""
    with Store.open(home=tmp_path) as store:
        installation = store.installation
        assert store.memory.remade is None
    with Store.open(home=tmp_path) as store:
        assert store.installation == installation
        assert store.memory.remade is None


@pytest.mark.parametrize("how", ["removed", "emptied"])
def test_one_that_takes_the_place_of_another_says_so(tmp_path: Path, how: str) -> None:
    """The id is the same, so that what was made under it is still ours; and every later opening knows the day."""
    with Store.open(home=tmp_path) as store:
        installation = store.installation
    if how == "removed":
        (tmp_path / DATABASE_NAME).unlink()
    else:
        (tmp_path / DATABASE_NAME).write_bytes(b"")
    for _ in range(2):
        with Store.open(home=tmp_path, clock=lambda: NOW) as store:
            assert store.installation == installation
            assert store.memory.remade == NOW


def test_a_memory_that_is_lost_or_nonsense_is_written_anew(tmp_path: Path) -> None:
    """What counts is the database: its id is put back beside it, also where an older version never put it."""
    with Store.open(home=tmp_path) as store:
        installation = store.installation
    path = memory_path(tmp_path / DATABASE_NAME)
    for nonsense in ("", "{}", '{"installation": "../../x"}', '{"installation": "zzzzzz"}'):
        path.write_text(nonsense)
        with Store.open(home=tmp_path) as store:
            assert store.installation == installation
            assert store.memory.remade is None
        assert installation in path.read_text()


def test_a_header_that_rotted_is_damage(tmp_path: Path) -> None:
    """SQLite has no code of its own for a format that it does not know; the user is told the same way out."""
    Store.open(home=tmp_path).close()
    file = tmp_path / DATABASE_NAME
    content = bytearray(file.read_bytes())
    content[44:48] = b"\xff\xff\xff\xff"  # the schema's format number
    file.write_bytes(bytes(content))
    with pytest.raises(StoreError, match="not a readable Styx database"):
        Store.open(home=tmp_path)
