"""A copied home: the same installation once more, with other directories on the same machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from styx.api.backend import JobState
from styx.client.embedded import EmbeddedClient
from styx.client.protocol import LaunchOptions
from styx.spec import Task

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize("end", ["stop", "down"])
def test_what_is_done_to_a_copy(home: Path, client: EmbeddedClient, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    """It ends nothing of the original's: neither its jobs, nor its agent, nor its files."""
    client.launch(Task("t").run("touch here; sleep 100"), LaunchOptions(cluster="c"))
    copy = home.with_name("copy")
    shutil.copytree(home, copy, symlinks=True, ignore=lambda _, names: [n for n in names if n.endswith(".sock")])
    monkeypatch.setenv("STYX_HOME", str(copy))
    other = EmbeddedClient()
    try:
        getattr(other, end)("c")
        assert [record.state for record in other.status()] == (["stopped"] if end == "stop" else [])
        monkeypatch.setenv("STYX_HOME", str(home))
        assert [job.state for job in client.queue("c")] == [JobState.RUNNING]
        assert [record.state for record in client.status(refresh=True)] == ["up"]
    finally:
        monkeypatch.setenv("STYX_HOME", str(copy))
        for record in other.status():
            other.down(record.name)
        other.close()
        monkeypatch.setenv("STYX_HOME", str(home))
