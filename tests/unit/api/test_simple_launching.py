"""A gang from single machines: whatever fails in the middle, no machine is made that nobody will find."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api import (
    Boot,
    Conflict,
    Idempotency,
    InsufficientCapacity,
    LaunchRequest,
    NotYet,
    OfferQuery,
    OutcomeUnknown,
    Owner,
    Prepared,
    RateLimited,
    Receipt,
    Transient,
    new_attempt_id,
)
from styx.testing import services
from support.garage import CLOUDS, AnonymousCloud, GarageCloud, NamedCloud, SearchCloud, TaggedCloud, make

NAMED = [SearchCloud, NamedCloud, TaggedCloud]
STOCK = InsufficientCapacity("none left", scope="all")


def prepared(cloud: GarageCloud, ranks: Sequence[int] = (0, 1, 2, 3), **more: Any) -> Prepared:
    """The papers of a gang on the first offer."""
    offer = more.pop("offer", None) or next(iter(cloud.offers(OfferQuery())))
    owner = Owner(cloud.services.installation, "train", new_attempt_id())
    return cloud.prepare(LaunchRequest(owner, offer, tuple(ranks), Boot("ssh-ed25519 AAAA key"), **more))


def drive(cloud: GarageCloud, papers: Prepared, tries: int = 50) -> Receipt:
    """Launch as core does: again after NotYet, RateLimited and Transient."""
    for _ in range(tries):
        try:
            return cloud.launch(papers)
        except NotYet as wait:
            cloud.garage.clock.advance(wait.after)  # type: ignore[attr-defined]
        except RateLimited as error:
            cloud.garage.clock.advance(error.retry_after)  # type: ignore[attr-defined]
        except Transient:
            cloud.garage.clock.advance(1.0)  # type: ignore[attr-defined]
    raise AssertionError("it asks to be called again for ever")


@pytest.mark.parametrize("kind", NAMED)
def test_a_refusal_in_the_middle_leaves_a_receipt_of_what_was_taken(kind: type[GarageCloud], tmp_path: Path) -> None:
    """The third of four is refused: the receipt names the first two and core gives them back."""
    cloud = make(kind, tmp_path)
    cloud.garage.before[3] = STOCK
    receipt = cloud.launch(prepared(cloud))
    assert sorted(receipt.node_ids) == [0, 1]
    assert set(receipt.node_ids.values()) == set(cloud.garage.made)


@pytest.mark.parametrize("kind", CLOUDS)
@pytest.mark.parametrize("error", [STOCK, OutcomeUnknown("lost"), Transient("no way there"), RateLimited("slow")])
def test_an_error_before_the_first_machine_is_the_answer(
    kind: type[GarageCloud], error: Exception, tmp_path: Path
) -> None:
    """Where nothing was made, core hears the provider's own error and decides by its class."""
    cloud = make(kind, tmp_path)
    cloud.garage.before[1] = error
    with pytest.raises(type(error)):
        cloud.launch(prepared(cloud))


@pytest.mark.parametrize("kind", NAMED)
def test_a_lost_answer_in_the_middle_is_found_by_name(kind: type[GarageCloud], tmp_path: Path) -> None:
    """The third was made and its answer lost: the outcome is unknown, and an observation shows all three by rank."""
    cloud = make(kind, tmp_path)
    cloud.garage.after[3] = OutcomeUnknown("no answer")
    papers = prepared(cloud)
    with pytest.raises(OutcomeUnknown):
        cloud.launch(papers)
    seen = cloud.observe(papers.scope, {papers.owner})
    assert sorted(node.rank for node in seen.nodes) == [0, 1, 2]


def test_without_names_each_machine_has_a_receipt_of_its_own(tmp_path: Path) -> None:
    """The ids are the only handles there are, so each is handed over before the next machine is asked for."""
    cloud = make(AnonymousCloud, tmp_path)
    assert dict(cloud.launch(prepared(cloud)).node_ids) == {0: "g1"}
    assert list(cloud.garage.made) == ["g1"]


def test_a_mistake_in_create_is_an_unknown_outcome(tmp_path: Path) -> None:
    """A plugin that breaks may have broken after the machine was made, for example on reading the answer."""
    cloud = make(GarageCloud, tmp_path)
    cloud.garage.after[1] = KeyError("id")
    with pytest.raises(OutcomeUnknown, match="KeyError"):
        cloud.launch(prepared(cloud))


@pytest.mark.parametrize("answer", [None, "", True])
def test_an_answer_that_is_no_id_is_an_unknown_outcome(answer: object, tmp_path: Path) -> None:
    """An id that is missing is never stored as one."""

    class Broken(GarageCloud):
        def create(self, order: Any) -> Any:
            return answer

    cloud = make(Broken, tmp_path)
    with pytest.raises(OutcomeUnknown, match="instead of the machine's id"):
        cloud.launch(prepared(cloud))


@pytest.mark.parametrize("kind", NAMED)
def test_a_rate_limit_in_the_middle_is_waited_for(kind: type[GarageCloud], tmp_path: Path) -> None:
    """A gang comes up whole on a provider that takes one request at a time, and no machine is made twice."""
    cloud = make(kind, tmp_path)
    cloud.garage.spacing = 12.0
    receipt = drive(cloud, prepared(cloud))
    assert sorted(receipt.node_ids) == [0, 1, 2, 3]
    assert set(receipt.node_ids.values()) == set(cloud.garage.made)


@pytest.mark.parametrize("kind", NAMED)
def test_a_pace_that_is_declared_is_kept(kind: type[GarageCloud], tmp_path: Path) -> None:
    """With Traits.pace no request goes out that would be refused, in launching and in removing."""
    cloud = make(kind, tmp_path, pace={"": 2.0})
    papers = prepared(cloud)
    cloud.garage.spacing = 2.0
    cloud.garage.clock.advance(2.0)
    receipt = drive(cloud, papers)
    for _ in range(20):
        cloud.garage.clock.advance(2.0)
        try:
            cloud.terminate(papers.scope, papers.owner, [receipt])
            break
        except NotYet:
            continue
    assert cloud.garage.made == {}
    assert cloud.garage.refused == 0


def test_a_replay_creates_what_is_missing_only(tmp_path: Path) -> None:
    """After a crash a new object finds the machines that have the names, and orders the others."""
    cloud = make(NamedCloud, tmp_path)
    cloud.garage.after[3] = OutcomeUnknown("no answer")
    papers = prepared(cloud)
    with pytest.raises(OutcomeUnknown):
        cloud.launch(papers)
    again = NamedCloud(services(tmp_path, cloud.garage, installation=cloud.services.installation))
    receipt = again.launch(papers)
    assert dict(receipt.node_ids) == {0: "g1", 1: "g2", 2: "g3", 3: "g4"}


def test_a_name_that_is_taken_and_not_listed_yet_is_waited_for(tmp_path: Path) -> None:
    """Where listings lag, the machine that holds the name is ours all the same: names are never used twice."""
    cloud = make(NamedCloud, tmp_path, settle_after=10.0)
    cloud.garage.lag = 4.0
    cloud.garage.after[1] = OutcomeUnknown("no answer")
    papers = prepared(cloud, ranks=(0,))
    with pytest.raises(OutcomeUnknown):
        cloud.launch(papers)
    with pytest.raises(NotYet, match="to be listed"):
        cloud.launch(papers)
    assert dict(drive(cloud, papers).node_ids) == {0: "g1"}


def test_a_name_that_is_taken_for_good_is_a_conflict(tmp_path: Path) -> None:
    """A provider whose listings do not lag, and that refuses a name it does not list, has the last word."""
    cloud = make(NamedCloud, tmp_path)
    cloud.garage.before[1] = Conflict("taken")
    with pytest.raises(Conflict):
        cloud.launch(prepared(cloud))


def test_another_installations_papers_are_refused(tmp_path: Path) -> None:
    """Nothing is made in the name of somebody else."""
    cloud, other = make(GarageCloud, tmp_path / "a"), make(GarageCloud, tmp_path / "b")
    with pytest.raises(Conflict):
        cloud.launch(prepared(other))
    assert cloud.garage.made == {}


EVENTS = st.sampled_from(["good", "refused", "lost before", "lost after", "limited", "unsent", "broken"])


@pytest.mark.parametrize("kind", CLOUDS)
@given(script=st.lists(EVENTS, max_size=6))
def test_no_machine_is_lost_whatever_fails(kind: type[GarageCloud], script: list[str]) -> None:
    """Each machine is in the receipt or has our name; without names at most the one whose answer was lost is not."""
    with TemporaryDirectory() as place:
        cloud = make(kind, Path(place))
        before = {
            "refused": STOCK,
            "lost before": OutcomeUnknown("lost"),
            "limited": RateLimited("slow", retry_after=1),
        }
        before["unsent"] = Transient("no way there")
        after = {"lost after": OutcomeUnknown("lost"), "broken": KeyError("id")}
        cloud.garage.before = {n: before[event] for n, event in enumerate(script, 1) if event in before}
        cloud.garage.after = {n: after[event] for n, event in enumerate(script, 1) if event in after}
        papers = prepared(cloud)
        try:
            receipt = drive(cloud, papers)
        except (InsufficientCapacity, OutcomeUnknown) as error:
            receipt = Receipt(papers.token, {})
            if isinstance(error, InsufficientCapacity):
                assert not cloud.garage.made
        cloud.garage.clock.advance(10.0)
        seen = cloud.observe(papers.scope, {papers.owner}).nodes
        ours = {node.id for node in seen if node.owner == papers.owner} | set(receipt.node_ids.values())
        lost = set(cloud.garage.made) - ours
        assert len(lost) <= (1 if cloud.traits.idempotency is Idempotency.NONE and set(script) & set(after) else 0)
        ranks = [node.rank for node in seen if node.owner == papers.owner]
        assert len(set(ranks)) == len(ranks), "a rank was made twice"
