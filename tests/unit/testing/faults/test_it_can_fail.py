"""The harness finds what it is there for: clouds and engines that leak, lose or lie on purpose do not get past it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from styx.api import Cloud, NodeState, Services
from styx.engine import lifecycle
from styx.store.attempts import Attempts
from styx.testing.bazaar import Market, bazaar
from styx.testing.faults import Fault, Harness, Total, world
from styx.testing.faults.audit import Harm
from styx.testing.faults.bazaar import BazaarBench
from styx.testing.faults.fork import forked
from styx.testing.faults.trial import Point, Then

# pytest-xdist has a thread of its own in each worker; what is forked here touches none of what it holds.
pytestmark = [pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning"), pytest.mark.timeout(300)]


class Deviating(BazaarBench):
    """A bazaar whose cloud object is changed before it is used."""

    def cloud(self, services: Services) -> Cloud:
        """The cloud, deviating."""
        market = Market.at(self.directory)
        return self.deviate(bazaar(self.habits)(replace(services, config=market)))

    @staticmethod
    def deviate(cloud: Cloud) -> Cloud:
        """Change it."""
        return cloud


class TagsLater(Deviating):
    """Its author tags machines once they are there, as some interfaces would have it."""

    @staticmethod
    def deviate(cloud: Cloud) -> Cloud:
        """Ask for machines without names and tags, and write these when they are next looked at."""
        launch, observe, untagged = cloud.launch, cloud.observe, []

        def bare(prepared: Any) -> Any:
            payload = json.loads(prepared.payload)
            receipt = launch(replace(prepared, payload=json.dumps(payload | {"names": {}, "tags": {}})))
            untagged.append((receipt.node_ids, payload["tags"]))
            return receipt

        def tagging(scope: Any, owners: Any) -> Any:
            with cloud.market.ledger.turn() as state:  # type: ignore[attr-defined]
                for ids, tags in untagged:
                    for rank, id_ in ids.items():
                        state.machines[id_].tags = tags[str(rank)]
            untagged.clear()
            return observe(scope, owners)

        cloud.launch, cloud.observe = bare, tagging  # type: ignore[method-assign]
        return cloud


class Greedy(Deviating):
    """To remove one attempt it removes whatever is in the place."""

    @staticmethod
    def deviate(cloud: Cloud) -> Cloud:
        """Remove all of the installation."""
        terminate = cloud.terminate

        def all_of_it(scope: Any, owner: Any, receipts: Any) -> None:
            for node in cloud.observe(scope, None).nodes:
                if node.owner is not None:
                    terminate(scope, node.owner, receipts)

        cloud.terminate = all_of_it  # type: ignore[method-assign]
        return cloud


class Deaf(Deviating):
    """It takes the stop of machines for a matter of marking them."""

    @staticmethod
    def deviate(cloud: Cloud) -> Cloud:
        """Show every machine as stopped that it was asked to stop, and leave it running."""
        observe, asked = cloud.observe, set()

        def stop(scope: Any, owner: Any, receipts: Any) -> None:
            asked.add(owner)

        def lie(scope: Any, owners: Any) -> Any:
            seen = observe(scope, owners)
            nodes = tuple(replace(n, state=NodeState.STOPPED) if n.owner in asked else n for n in seen.nodes)
            return replace(seen, nodes=nodes)

        cloud.stop, cloud.observe = stop, lie  # type: ignore[attr-defined, method-assign]
        return cloud


class Alike(BazaarBench):
    """Its variants differ in how they launch, and in nothing else."""

    @classmethod
    def differs(cls, variant: str, operation: str) -> bool:
        """Say so."""
        return variant == "kind" or operation == "launch"


class Reticent(Deviating):
    """Lists what it is asked for by name, and nothing to who asks what there is."""

    @staticmethod
    def deviate(cloud: Cloud) -> Cloud:
        """Show nothing to nobody in particular."""
        observe = cloud.observe

        def keep(scope: Any, owners: Any) -> Any:
            seen = observe(scope, owners)
            return replace(seen, nodes=(), leftovers=(), launches=()) if owners is None else seen

        cloud.observe = keep  # type: ignore[method-assign]
        return cloud


def at(method: str, *faults: Fault) -> Callable[[Point], bool]:
    """These faults at calls of this method."""
    return lambda point: point.method == method and point.fault in faults


def tried(
    kind: type[BazaarBench], room: Path, operation: str, only: Callable[[Point], bool], variant: str = "search"
) -> Total:
    """What comes of these points."""
    return Harness(kind, variants=[variant], operations=[operation], room=room, processes=1).run(only=only)


def test_the_reference_passes(tmp_path: Path) -> None:
    """Where nothing is wrong, nothing is found: the same points as below, with the cloud and the engine as they are."""
    total = tried(BazaarBench, tmp_path, "launch", at("launch", Fault.UNREAD, Fault.UNCOMMITTED))
    assert total.fine, [*map(str, total.outcomes)]
    assert total.line == "points 7, leaked 0, lost 0"


def test_a_cloud_that_tags_too_late_leaks(tmp_path: Path) -> None:
    """A machine of a client that was killed is nobody's, and bills for ever."""
    total = tried(TagsLater, tmp_path, "launch", at("launch", Fault.UNREAD, Fault.UNCOMMITTED))
    assert total.points == total.bad(Harm.LEAKED) == 7
    assert total.line.startswith("points 7, leaked 7, ")
    assert not total.fine


def test_a_cloud_that_removes_too_much_loses(tmp_path: Path) -> None:
    """The machines of another cluster go with those that were to be removed."""
    total = tried(Greedy, tmp_path, "down", lambda point: point.call == 1 and point.fault is Fault.UNREAD)
    assert total.points == total.bad(Harm.LOST) > 0


def test_a_cloud_that_lies_is_found_out(tmp_path: Path) -> None:
    """A cluster that is said to be stopped and runs is wrong, though everybody agrees on it."""
    total = tried(Deaf, tmp_path, "stop", at("check", Fault.CUT))
    assert total.points == total.bad(Harm.WRONG) > 0
    assert any("is said to be stopped" in flaw.what for outcome in total.outcomes for flaw in outcome.flaws)


def test_a_cloud_that_does_not_tell_what_there_is_leaks_with_the_database(tmp_path: Path) -> None:
    """As long as it is on record nothing is amiss; once it is not, nobody ever hears of the machines again."""
    total = tried(Reticent, tmp_path, "launch", at("launch", Fault.UNCOMMITTED))
    leaked = [outcome.point.then for outcome in total.outcomes if outcome.count(Harm.LEAKED)]
    assert (total.points, leaked) == (3, [Then.RECOVER])


def test_what_is_the_same_in_another_variant_is_not_tried_again(tmp_path: Path) -> None:
    """No point of it is counted, and that nothing was tried is no pass."""
    total = tried(Alike, tmp_path, "down", at("terminate", Fault.UNREAD))
    assert (total.points, total.broken, total.fine) == (0, [], False)
    assert tried(Alike, tmp_path, "launch", at("launch", Fault.CUT)).points > 0


@pytest.fixture
def intent_after_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that commits what it wanted only once it has been answered."""
    add, called, answered = Attempts.add, Attempts.called, Attempts.answered
    pending: dict[str, tuple[Any, ...]] = {}

    def add_later(self: Attempts, record: Any, **more: Any) -> None:
        pending[record.token] = (record, more)

    def call(self: Attempts, token: str, *more: Any, **others: Any) -> Any:
        return None if token in pending else called(self, token, *more, **others)

    def answer(self: Attempts, record: Any, *more: Any, **others: Any) -> Any:
        if record.token in pending:
            wanted, how = pending.pop(record.token)
            add(self, wanted, **how)
        return answered(self, record, *more, **others)

    monkeypatch.setattr(Attempts, "add", add_later)
    monkeypatch.setattr(Attempts, "called", call)
    monkeypatch.setattr(Attempts, "answered", answer)


@pytest.mark.usefixtures("intent_after_the_call")
@pytest.mark.parametrize("variant", ["kind", "search"])
def test_an_engine_that_commits_its_intent_too_late_leaks(tmp_path: Path, variant: str) -> None:
    """Killed in between, it has bought machines that nothing stands for once the record of their cluster is gone."""
    total = tried(BazaarBench, tmp_path, "launch", at("launch", Fault.UNREAD, Fault.UNCOMMITTED), variant)
    assert total.points == 7
    assert total.bad(Harm.LEAKED) == 4, total.line


def test_an_engine_that_drops_a_record_too_early_loses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it said was removed is still there, and the record of it is not."""

    async def nothing(*_: object) -> None:
        """Remove nothing."""

    monkeypatch.setattr(lifecycle, "remove_all", nothing)
    total = tried(BazaarBench, tmp_path, "launch", at("check", Fault.CUT))
    assert total.points == total.bad(Harm.LOST) > 0
    assert total.bad(Harm.LEAKED) > 0


def test_a_client_that_hangs_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user has no next command that succeeds while one does not come back."""

    async def for_ever(*_: object) -> None:
        """Never come back."""
        await asyncio.Event().wait()

    monkeypatch.setattr(lifecycle, "down", for_ever)
    monkeypatch.setattr(world, "forked", partial(forked, patience=3.0))
    total = tried(BazaarBench, tmp_path, "launch", lambda point: point.call == 0 and point.fault is Fault.UNSENT)
    assert total.points == 2
    assert total.bad(Harm.WRONG) > 0
    assert any("hung" in part for outcome in total.outcomes for part in outcome.story)
