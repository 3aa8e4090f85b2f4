"""Jobs that an earlier version of Styx began: this one finishes them, from whatever step they had come to."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta
from typing import Any

import pytest

from styx.jobs.durable import Durable, Step, Work
from styx.jobs.runtime import KIND, records_of
from styx.spec import Task
from styx.store.managed import Limits, ManagedState, ServerRecord
from support.managed import Installation

pytestmark = pytest.mark.slow

_HERE = {"run": 1, "cluster": "gone-1", "restarts": 0, "recoveries": 0}
_AWAY = {"run": 2, "cluster": None, "restarts": 0, "recoveries": 1}
_PLACE = {"cloud": "local", "region": "local", "zone": "", "instance_type": "local", "spot": False, "preempted": False}
_FAILED = {"state": "failed", "reason": "exit code 3", "exit_code": 3, "outputs": {"A": "b"}, "error": None}

# Every kind of step that was ever on record, as it was written: what was returned by the steps before it. Never change
# or remove one; where a new version writes another, add it. Beside each, how its job ends.
FROZEN: dict[str, tuple[list[Step], ManagedState]] = {
    "again": (
        [{"do": "launch", "run": 2, "cluster": "gone-1", "restarts": 1, "recoveries": 0}],
        ManagedState.SUCCEEDED,
    ),
    "watch": ([{"do": "watch", **_HERE, "job": 1}], ManagedState.SUCCEEDED),  # its cluster has gone: it is recovered
    "recover": ([{"do": "watch", **_HERE, "job": 1},
                 {"do": "clear", **_AWAY, "old": "gone-1", "then": "launch", "place": _PLACE}], ManagedState.SUCCEEDED),
    "relaunch": ([{"do": "clear", **_AWAY, "old": "gone-1", "then": "launch", "place": _PLACE},
                  {"do": "launch", **_AWAY, "place": _PLACE}], ManagedState.SUCCEEDED),
    "clear": ([{"do": "clear", **_HERE, "old": "gone-1", "then": "end", "outcome": _FAILED}], ManagedState.FAILED),
    "end": ([{"do": "end", **_HERE, "left": "", "outcome": _FAILED}], ManagedState.FAILED),
    "end-at-once": ([{"do": "end", **_HERE, "outcome": _FAILED}], ManagedState.FAILED),
}  # fmt: skip


async def _earlier(installation: Installation, steps: dict[str, list[Step]]) -> None:
    """What a server of an earlier version did: it came to these steps, and then it ended."""
    reached = {key: asyncio.Event() for key in steps}

    def opened(key: str) -> Work:
        left = [*steps[key]]

        async def step(_: Step) -> Step:
            if not left:
                reached[key].set()
                await asyncio.Event().wait()
            return left.pop(0)

        return step

    records = Durable(records_of(installation.home, None), "earlier", {KIND: ("launch", opened)})
    await records.start()
    for key in steps:
        await records.begin(KIND, key)
    await asyncio.gather(*(each.wait() for each in reached.values()))
    await records.close()


def _on_record(installation: Installation) -> dict[str, Any]:
    """A job for each frozen chain, as it was when its server ended: given to it, and running."""
    store, now = installation.store, installation.store.now()
    server = ServerRecord("earlier", "elsewhere", 1, "", "", "0.0.9", "", now, now, now + timedelta(minutes=1))
    store.servers.register(server)
    jobs = {name: installation.submit(Task(name).run("true"))[0] for name in FROZEN}
    store.jobs.admit("earlier", Limits())
    for job in jobs.values():
        owned = store.jobs.own(job.id, "earlier")
        store.jobs.move(job.id, owned.epoch, ManagedState.RUNNING, cluster="gone-1", runs=1)
    store.servers.retire("earlier")
    return jobs


async def test_what_an_earlier_version_began(installation: Installation) -> None:
    """Its chains are replayed, and the rest is done."""
    jobs = _on_record(installation)
    await _earlier(installation, {str(jobs[name].id): steps for name, (steps, _) in FROZEN.items()})
    await asyncio.to_thread(installation.serve)
    for name, (_, state) in FROZEN.items():
        found = await asyncio.to_thread(installation.ended, jobs[name])
        assert found.state is state, (name, installation.story(jobs[name]))
    assert installation.store.jobs.get(jobs["end"].id).outputs == {"A": "b"}


async def test_what_another_server_took_up_goes_on_there(installation: Installation) -> None:
    """From the step in which it was, which is done again; steps that were done are not."""
    seen: list[str] = []
    stuck, over = asyncio.Event(), asyncio.Event()

    def opened(who: str) -> Any:
        def open_work(_: str) -> Work:
            async def step(given: Step) -> Step:
                seen.append(f"{who} {given['do']}")
                if given["do"] == "two" and who == "first":
                    stuck.set()
                    await asyncio.Event().wait()
                if given["do"] == "three":
                    over.set()
                return {"one": {"do": "two"}, "two": {"do": "three"}}.get(given["do"], {})

            return step

        return open_work

    url, key = records_of(installation.home, None), secrets.token_hex(2)
    first = Durable(url, "first", {KIND: ("one", opened("first"))})
    await first.start()
    await first.begin(KIND, key)
    await stuck.wait()
    await first.close()
    second = Durable(url, "second", {KIND: ("one", opened("second"))})
    await second.start()
    await second.take_up(KIND, [key])
    await over.wait()
    assert seen == ["first one", "first two", "second two", "second three"]
    await second.close()
