"""Lists that are longer than a page: all of each is had, page by page, and each thing once."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from styx.server.app import routed
from styx.store import Store
from styx.store.access import AuditEntry, RequestRecord, RequestState, Role, Token, User
from styx.store.managed import Limits, NewJob, ServerRecord
from styx.store.states import ClusterState
from support.records import cluster
from support.servers import Server, running

SEVERAL = 7
# What a list is asked with, and by what its items are told apart.
LISTS = {
    "/v1/clusters": "name",
    "/v1/clusters/many/history": "id",
    "/v1/events": "id",
    "/v1/events?cluster=many": "id",
    "/v1/events?cluster=many&kind=note": "id",
    "/v1/jobs": "id",
    "/v1/jobs/1/events": "id",
    "/v1/requests": "id",
    "/v1/users": "name",
    "/v1/tokens": "id",
    "/v1/audit": "id",
    "/v1/offers?cloud=lambda&region=us-east-1": "instance_type",
    "/v1/storage/objects?uri=file://many": "key",
}
# They have no end to be looked for: what they list is few, or is asked of others all at once.
WHOLE = {
    "/v1/clusters/{name}/nodes": "of one cluster",
    "/v1/clusters/{name}/jobs": "its nodes tell all of them in one answer",
    "/v1/clouds": "as many as there are plugins",
    "/v1/plugins": "as many as are installed",
    "/v1/doctor": "what is wrong here",
    "/v1/servers": "as many as share the database",
}


@pytest.fixture(scope="module")
def full() -> Iterator[Server]:
    """A server that has several of everything."""
    home = Path(tempfile.mkdtemp(prefix="styx-"), ".styx")
    with running(home) as server:
        with Store.open(home=home) as store:
            _fill(store)
        assert server.ask("POST", "/v1/storage/buckets", {"uri": "file://many"}).status == 204
        for number in range(SEVERAL):
            assert server.ask("PUT", f"/v1/storage/object?uri=file://many/{number}", b"x").status == 204
        yield server
    shutil.rmtree(home.parent, ignore_errors=True)


def _fill(store: Store) -> None:
    now = store.now()
    store.servers.register(ServerRecord("s", "h", 1, "", "", "1", "", now, now, now + timedelta(days=1)))
    for number in range(SEVERAL):
        at = now - timedelta(seconds=number)
        name = f"c{number}"
        store.clusters.create(cluster(name, slug=name, state=ClusterState.STOPPED, created_at=at, launched_at=at))
        store.events.add("many", "note", name)
        store.events.add("many", "state", name)
        store.users.add(User(f"user-{number}", Role.VIEWER, now))
        store.tokens.add(Token(f"token{number}", "user-0", "t", f"{number:064}", (), now, None))
        store.audit.add(AuditEntry(0, now, "user-0", "", "::1", "POST", "/v1/jobs", 403, "r"))
        store.requests.create(RequestRecord(f"{number:016x}", "stop", "ann", RequestState.RUNNING, at, at, server="s"))
    store.jobs.submit([NewJob(f"k{number}", "n", {"run": "true"}) for number in range(SEVERAL)])
    store.jobs.admit("s", Limits(at_once=SEVERAL))
    for number in range(SEVERAL):
        store.jobs.note(1, "note", str(number))


def pages(server: Server, path: str, key: str, limit: int) -> list[list[Any]]:
    """By what the items of each page are told apart."""
    found, more, after = list[list[Any]](), "&" if "?" in path else "?", ""
    while True:
        answer = server.ask("GET", f"{path}{more}limit={limit}{after}")
        assert answer.status == 200, answer.body
        found.append([each[key] for each in answer.json["items"]])
        if answer.json["next"] is None:
            return found
        after = f"&after={answer.json['next']}"


@pytest.mark.parametrize("path", LISTS)
def test_all_of_a_list_is_had_page_by_page(full: Server, path: str) -> None:
    """Each thing once, in the order of the whole; of what happened, what came last is on the first page."""
    (whole,) = pages(full, path, LISTS[path], 1000)
    assert len(set(whole)) == len(whole) >= SEVERAL
    found = pages(full, path, LISTS[path], 3)
    assert [len(each) for each in found[:-1]] == [3] * (len(found) - 1)
    backwards = "events" in path or "history" in path
    assert [each for some in (reversed(found) if backwards else found) for each in some] == whole


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("after", ["!", "bm90aGluZyBvZiBvdXJz", "9" * 200])
def test_what_no_page_has_ended_with(full: Server, path: str, after: str) -> None:
    """It is refused, or nothing comes after it; the server does not fail."""
    answer = full.ask("GET", f"{path}{'&' if '?' in path else '?'}after={after}")
    assert answer.status in {200, 400, 422}, answer.body


def test_events_of_one_kind(full: Server) -> None:
    """They are those of one cluster: of all clusters no index has them."""
    assert {each["kind"] for each in full.ask("GET", "/v1/events?cluster=many&kind=note").json["items"]} == {"note"}
    assert full.ask("GET", "/v1/events?kind=note").status == 400


def test_every_list_has_pages_or_is_short() -> None:
    """Each route that answers with a page takes ``after`` and ``limit`` and is tried here, or it is known why not."""
    described: Any = routed().openapi()
    for path, operations in described["paths"].items():
        answer = operations.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        if not answer.get("application/json", {}).get("schema", {}).get("$ref", "").partition("schemas/Page_")[1]:
            continue
        takes = {each["name"] for each in operations["get"].get("parameters", [])}
        if path in WHOLE:
            assert not {"after", "limit"} & takes, path
        else:
            assert {"after", "limit"} <= takes, path
            tried = {re.sub(r"/(many|1)(?=/|$)", "/*", each.partition("?")[0]) for each in LISTS}
            assert re.sub(r"{.*?}", "*", path) in tried, path
