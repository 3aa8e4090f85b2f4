"""``styx status --orphans`` and ``styx recover``."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from styx.api import Leftover, Node, NodeState, Owner, Scope
from styx.engine.orphans import Orphan, Search
from support.fake_client import FakeClient

OWNER = Owner("abc123", "dev", "a1b2")
EAST = Scope("east")
BORN = datetime(2026, 1, 1, tzinfo=UTC)


def orphan(owner: Owner | None = OWNER, *, cost: str | None = "1.50", node: bool = True, **more: object) -> Orphan:
    """One machine without a record, or its disk alone."""
    price = None if cost is None else Decimal(cost)
    nodes = (Node("m-1", owner, NodeState.RUNNING, 0, hourly_cost=price, created_at=BORN),) if node else ()
    rest = () if node or owner is None else (Leftover("d-1", "disk", owner, price),)
    return Orphan("acme", "default", "acct", EAST, owner, nodes, rest, **more)  # type: ignore[arg-type]


STRANGER = orphan(None, cost=None)
FORGOTTEN = orphan(Owner("abc123", "old", "c3d4"), given_up=True)
DISK = orphan(Owner("abc123", "left", "e5f6"), node=False)


def test_nothing(styx, client: FakeClient):
    """With nothing to show it says so, and what could not be looked at all the same."""
    client.found = Search((), ("acme/west: no answer",))
    assert styx("status", "--orphans").stdout == "Nothing without a record.\nNot looked at: acme/west: no answer\n"
    assert "Nothing to recover." in styx("recover", "-y").stdout


def test_the_table_has_the_cost_and_what_to_do(styx, client: FakeClient):
    """Each thing has its place and price, the sum is told with what is not known of it, and so is the way out."""
    client.found = Search((orphan(), FORGOTTEN, STRANGER))
    said = styx("status", "--orphans").stdout
    assert said.split()[:4] == ["NAME", "KIND", "INFRA", "ACCOUNT"]
    assert [line.split()[:2] for line in said.splitlines()[1:4]] == [
        ["dev", "orphan"], ["old", "being"], ["m-1", "unattributed"]
    ]  # fmt: skip
    assert "3 things without a record: $3.00 an hour, and 1 of unknown price." in said
    assert "styx recover" in said


def test_the_table_says_where(styx, client: FakeClient):
    """The region, where machines tell it; else the place that was looked at."""
    there = orphan()
    north = replace(there, nodes=(replace(there.nodes[0], region="north", zone="north-b"),))
    client.found = Search((there, north))
    assert [line.split()[2] for line in styx("status", "--orphans").stdout.splitlines()[1:3]] == [
        "acme/east", "acme/north"
    ]  # fmt: skip
    nodes = [each["nodes"][0] for each in json.loads(styx("status", "--orphans", "-o", "json").stdout)["orphans"]]
    assert [(node["region"], node["zone"]) for node in nodes] == [("", None), ("north", "north-b")]


def test_json(styx, client: FakeClient):
    """Programs get all of it, money as text."""
    client.found = Search((DISK,), ("acme/west: no answer",))
    found = json.loads(styx("status", "--orphans", "-o", "json").stdout)
    assert found["unseen"] == ["acme/west: no answer"]
    (only,) = found["orphans"]
    assert (only["name"], only["kind"], only["hourly_cost"]) == ("left", "orphan", "1.50")
    assert only["leftovers"] == [{"id": "d-1", "kind": "disk"}]


def test_recover_takes_up_what_was_a_cluster(styx, client: FakeClient):
    """Without names all that can become a cluster again does; strangers, and what is dying anyway, are left alone."""
    client.found = Search((orphan(), FORGOTTEN, STRANGER, DISK))
    result = styx("recover", "-y")
    assert result.stdout == "Cluster dev is on record again: up.\n"
    assert [call for call in client.calls if call[0] in {"adopt", "discard"}] == [("adopt", "dev")]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"container": "a/b"}, "up, with jobs in the container a/b."),
        ({}, "up; it is not known yet whether jobs run in a container there: its nodes are asked before the next one."),
    ],
)
def test_recover_says_what_is_known_of_a_container(styx, client: FakeClient, told: dict[str, object], said: str):
    """Its name where the nodes have told it, and that it is not known where they have not."""
    client.found, client.told = Search((orphan(),)), told
    assert styx("recover", "-y").stdout == f"Cluster dev is on record again: {said}\n"


def test_recover_down_removes(styx, client: FakeClient):
    """With --down all that is ours goes, disks too."""
    client.found = Search((orphan(), STRANGER, DISK))
    assert styx("recover", "--down", "-y").exit_code == 0
    assert [call for call in client.calls if call[0] == "discard"] == [("discard", "dev"), ("discard", "left")]


def test_a_stranger_goes_only_by_its_id(styx, client: FakeClient):
    """A machine of which nobody can tell whose it is never becomes a cluster, and is removed when it is named."""
    client.found = Search((STRANGER,))
    refused = styx("recover", "m-1", "-y")
    assert refused.exit_code == 2
    assert "nobody can tell whose it is" in refused.stderr
    assert "Nothing to recover" in styx("recover", "--down", "-y").stdout
    assert styx("recover", "--down", "m-1", "-y").exit_code == 0
    assert client.calls[-1] == ("discard", "m-1")


def test_what_belongs_to_a_cluster_after_all(styx, client: FakeClient):
    """It is said to which, its cost is counted there and not among what has no record, and it is not recovered."""
    client.found = Search((orphan(cluster="dev"), orphan(None, cluster="gpu")))
    said = styx("status", "--orphans").stdout
    assert "surplus of dev" in said
    assert "possibly being launched by gpu" in said
    assert "1 thing without a record: $1.50 an hour." in said
    found = json.loads(styx("status", "--orphans", "-o", "json").stdout)["orphans"]
    assert [(each["kind"], each["cluster"]) for each in found] == [("surplus", "dev"), ("launching", "gpu")]
    assert "Nothing to recover" in styx("recover", "--down", "-y").stdout
    for words in (["dev"], ["--down", "dev"]):
        refused = styx("recover", *words, "-y")
        assert refused.exit_code == 2
        assert "`styx down dev` removes the cluster with all its machines." in refused.stderr
    assert not [call for call in client.calls if call[0] in {"adopt", "discard"}]


def test_a_name_that_was_not_found(styx, client: FakeClient):
    """A name that is not among what was found changes nothing."""
    client.found = Search((orphan(),))
    result = styx("recover", "dev", "nope", "-y")
    assert result.exit_code == 2
    assert "nothing named 'nope' was found" in result.stderr
    assert not [call for call in client.calls if call[0] == "adopt"]


def test_it_asks_first(styx, client: FakeClient):
    """Without consent nothing is taken up or removed."""
    client.found = Search((orphan(),))
    for words in (["recover"], ["recover", "--down"]):
        assert styx(*words).exit_code == 2
    assert not [call for call in client.calls if call[0] in {"adopt", "discard"}]


@pytest.mark.parametrize("words", [["--orphans", "--ip", "dev"], ["--orphans", "dev"], ["--history", "--ip", "dev"]])
def test_modes_of_status_exclude_each_other(styx, words: list[str]):
    """One thing at a time, and orphans have no names to choose by."""
    assert styx("status", *words).exit_code == 2


def removed(client: FakeClient) -> list[object]:
    """What was removed."""
    return [call for call in client.calls if call[0] == "discard"]


def test_a_name_never_means_a_stranger_besides(styx, client: FakeClient):
    """A machine whose id happens to be a cluster's name does not go with the cluster; both can be named exactly."""
    client.found = Search((orphan(Owner("abc123", "m-1", "a1b2")), STRANGER))
    result = styx("recover", "--down", "m-1", "-y")
    assert result.exit_code == 2
    assert "'m-1' is the name of 2 things" in result.stderr
    assert "acme/default/east/m-1, acme/default/east/styx-abc123-m-1-a1b2" in result.stderr
    assert removed(client) == []
    assert styx("recover", "--down", "styx-abc123-m-1-a1b2", "-y").exit_code == 0
    assert len(removed(client)) == 1


def test_one_id_in_two_accounts(styx, client: FakeClient):
    """Ids are an account's own: nothing goes before it was said which of them, and then only that one."""
    client.found = Search((STRANGER, replace(STRANGER, account="lab")))
    result = styx("recover", "--down", "m-1", "-y")
    assert (result.exit_code, removed(client)) == (2, [])
    assert "acme/default/east/m-1, acme/lab/east/m-1" in result.stderr
    assert styx("recover", "--down", "acme/lab/east/m-1", "-y").exit_code == 0
    assert len(removed(client)) == 1


def test_one_attempt_in_two_places(styx, client: FakeClient):
    """Each part is removed, not only the last that was found."""
    client.found = Search((orphan(), replace(orphan(), scope=Scope("west"))))
    assert styx("recover", "--down", "dev", "-y").exit_code == 0
    assert len(removed(client)) == 2
