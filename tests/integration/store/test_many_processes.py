"""Many processes with one database: nothing is lost, nothing is refused."""

from __future__ import annotations

from collections import Counter

import pytest

from styx.store import Store
from styx.store.states import ClusterState
from support.crowd import crowd
from support.records import cluster

COUNT = """
from styx.store import Store
store = Store.open(ARGS["url"])
ready()
for _ in range(ARGS["times"]):
    store.clusters.modify("c", lambda record: {"request": {"n": record.request.get("n", 0) + 1}})
answer("done")
"""
OPEN = """
from styx.store import Store
ready()
with Store.open(ARGS["url"]) as store:
    answer(store.installation)
"""
CREATE = """
from datetime import datetime, timedelta, UTC
from styx.api import ClusterBusy
from styx.store import Store
from styx.store.holder import current
from styx.store.records import ClusterRecord, Operation
from styx.store.states import ClusterState
store = Store.open(ARGS["url"])
now, me = datetime.now(UTC), current()
operation = Operation("launch", me, now + timedelta(minutes=1))
ready()
outcome = []
for n in range(ARGS["names"]):
    try:
        store.clusters.create(ClusterRecord(f"c{n}", f"c{n}", ClusterState.PLANNING, now, now, operation=operation))
        outcome.append("won")
    except ClusterBusy as error:
        outcome.append("told" if "busy: launch by process" in error.message else error.message)
answer(outcome)
sys.stdin.readline()  # stay alive: a dead holder would be busy for nobody
"""
ACQUIRE = """
from styx.api import ClusterBusy
from styx.store import Store
from styx.store.holder import current
store = Store.open(ARGS["url"])
me = current()
ready()
held = 0
while held < ARGS["times"]:
    try:
        store.clusters.acquire("c", "stop", me, 60)
    except ClusterBusy:
        time.sleep(0.001)
        continue
    with open(ARGS["file"], "r+") as file:  # not atomic on purpose: the claim has to protect it
        n = int(file.read())
        file.seek(0)
        file.write(str(n + 1))
    store.clusters.release("c", me)
    held += 1
answer(held)
"""
SPEND = """
from decimal import Decimal
from styx.store import Store
from styx.store.states import ClusterState
store = Store.open(ARGS["url"])
class TooMuch(Exception): pass
def check(after, billed):
    if sum(span.hourly_cost for span in billed.going_on()) + after.hourly_cost > ARGS["most"]:
        raise TooMuch
ready()
made = 0
for n in range(ARGS["times"]):
    try:
        store.clusters.transition(f"c{NUMBER}-{n}", ClusterState.PROVISIONING, within=check, hourly_cost=Decimal(1))
        made += 1
    except TooMuch:
        pass
answer(made)
"""


def test_800_of_800(store: Store, url: str) -> None:
    """Eight processes change one record a hundred times each, and all eight hundred changes are in it."""
    store.clusters.create(cluster("c"))
    assert crowd(8, COUNT, {"url": url, "times": 100}) == ["done"] * 8
    found = store.clusters.get("c")
    assert found is not None
    assert found.request == {"n": 800}


def test_a_fresh_database_gets_one_installation_id(url: str) -> None:
    """Ten processes that open a database that is not there yet all see the same id."""
    answers = crowd(10, OPEN, {"url": url})
    assert len(set(answers)) == 1
    with Store.open(url) as store:
        assert store.installation == answers[0]


def test_every_name_has_one_winner(store: Store, url: str) -> None:
    """Of six processes that create the same names, one wins each, and the others are told who has it."""
    del store
    outcomes = crowd(6, CREATE, {"url": url, "names": 20})
    for each in zip(*outcomes, strict=True):
        assert Counter(each) == {"won": 1, "told": 5}


@pytest.mark.timeout(120)
def test_claims_exclude(store: Store, url: str, tmp_path: object) -> None:
    """What is done while holding a cluster is never done by two at once."""
    store.clusters.create(cluster("c"))
    file = tmp_path / "number"
    file.write_text("0")
    crowd(4, ACQUIRE, {"url": url, "times": 25, "file": str(file)})
    assert file.read_text() == "100"


def test_a_ceiling_is_never_passed(store: Store, url: str) -> None:
    """Five processes that spend at once come to the ceiling exactly, whoever is quicker."""
    for n in range(5):
        for m in range(6):
            store.clusters.create(cluster(f"c{n}-{m}", ClusterState.PLANNING))
    assert sum(crowd(5, SPEND, {"url": url, "most": 13, "times": 6})) == 13
    assert len(store.spans.going_on()) == 13
