"""What the doctor says of servers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from styx import __version__
from styx.client import local
from styx.client.servers import findings
from styx.store import Store
from support.job_records import new_job, serve, this_process


@pytest.fixture
def store(styx_home: Path) -> Iterator[Store]:
    """An empty store."""
    with Store.open(home=styx_home) as opened:
        yield opened


def said(store: Store) -> list[tuple[str, str, str]]:
    """What is found, without what to do."""
    return [(each.check, each.level, each.message) for each in findings(store)]


def test_no_server(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """That none is running is nothing bad, unless managed jobs wait for one."""
    assert said(store) == [("server", "ok", "none is running here; `styx jobs launch` starts one")]
    store.jobs.submit([new_job("a"), new_job("b")])
    assert ("managed jobs", "warning", "no server works on 2 managed jobs that have not ended") in said(store)
    monkeypatch.setitem(sys.modules, "dbos", None)
    (first, *_) = findings(store)
    assert "'dbos' is not installed" in first.message
    assert "styx-core[server]" in first.fix


def test_the_server_of_this_home(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it answers, and which version it is."""
    local.announce("http://127.0.0.1:1", "t", "s1")
    monkeypatch.setattr(local, "answers", lambda _server: False)
    assert findings(store)[0].level == "error"
    monkeypatch.setattr(local, "answers", lambda _server: True)
    ((_, level, message),) = said(store)
    assert (level, message.endswith(f"at http://127.0.0.1:1, version {__version__}")) == ("ok", True)
    path = local.home() / local.FILE
    path.write_text(path.read_text().replace(f'"{__version__}"', '"9.9.9"'))
    ((_, level, message),) = said(store)
    assert (level, "is of version 9.9.9" in message) == ("warning", True)


def test_servers_on_record(store: Store) -> None:
    """One that has not been heard of for longer than it said, or whose process here is dead, is gone."""
    now = store.now()
    store.jobs.submit([new_job("a")])
    serve(store, "old", seen_at=now - timedelta(seconds=100), expires_at=now - timedelta(seconds=85))
    serve(store, "dead", **{**this_process(), "started": "1"})
    assert [(check, level) for check, level, _ in said(store)[1:]] == [
        ("server old", "warning"),
        ("server dead", "warning"),
        ("managed jobs", "warning"),
    ]
    assert "process 1 on elsewhere, at http://there: it is gone, last heard of 100 s ago" in said(store)[1][2]
    serve(store, "good")
    assert said(store)[-1] == ("server good", "ok", "process 1 on elsewhere, at http://there: last heard of 0 s ago")
