"""The records of durable work, where they cannot be opened at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from styx.api import StoreError
from styx.jobs.durable import Durable, Json, Step, Work
from styx.jobs.runtime import records_of


def once(done: asyncio.Event) -> Work:
    """Work of one step."""

    async def step(_: Step) -> Step:
        done.set()
        return {}

    return step


async def test_records_that_cannot_be_opened_can_be_later(tmp_path: Path) -> None:
    """The first try leaves nothing in the way of the second; the file is for its user alone."""
    home, done = tmp_path / "home", asyncio.Event()
    home.write_text("not a directory")
    records = Durable(records_of(home, None), "server", {"job": ("one", lambda _: once(done))})
    with pytest.raises(StoreError, match="cannot be opened"):
        await records.start()
    home.unlink()
    home.mkdir()
    await records.start()
    await records.begin("job", "1")
    await done.wait()
    await records.close()
    assert (home / "workflows.db").stat().st_mode & 0o077 == 0
    await asyncio.to_thread(len, "threads can be had again")


def test_what_is_kept_is_json() -> None:
    """Of an error the words are kept: pickles are programs."""
    json = Json()
    assert json.deserialize(json.serialize({"do": "watch", "run": 1})) == {"do": "watch", "run": 1}
    assert str(json.deserialize(json.serialize(ValueError("no")))) == "ValueError: no"
