"""Rules about the details of what is told: places, addresses, times, causes and what became of a launch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from styx.api import Cloud, LaunchOutcome, LaunchState, Leftover, Node, Observation, Owner, ProviderError
from styx.testing.cloud.base import CloudRules
from styx.testing.cloud.lab import Lab
from styx.testing.since import since
from styx.testing.verdict import expect, succeeds

SKEW = timedelta(minutes=1)  # by which the provider's clock may be ahead of ours


class TellingRules(CloudRules):
    """What a node, a leftover and an observation say in detail."""

    def test_every_scope_can_be_observed(self, cloud: Cloud, lab: Lab) -> None:
        """Every place that scopes() names can be listed, also where nothing is."""
        for scope in lab.driver.call(lambda: list(cloud.scopes()), what="scopes()"):
            with succeeds(
                f"observe({scope.name!r}, None)",
                contract="scopes() names every place where this account may hold resources; all of them are swept",
                change="leave out what cannot be listed, or report it as unreachable",
            ):
                seen = lab.look(None, scope)
                assert isinstance(seen, Observation)

    def test_each_node_is_listed_once(self, lab: Lab) -> None:
        """No node is in an observation twice."""
        there = {node.id for _ in range(2) for node in lab.running().nodes}
        seen = Counter(node.id for node in lab.observe(None, has=there).nodes)
        twice = sorted(id_ for id_, times in seen.items() if times > 1)
        expect(
            not twice,
            did=f"observe(None) lists {twice} more than once",
            contract="an observation is everything that this installation holds in one scope, each once",
            change="take pages of the listing by its cursor, and merge listings by id",
        )

    def test_observation_is_not_from_the_future(self, lab: Lab) -> None:
        """as_of is when it was seen: core counts absences from then."""
        when = lab.look(None).as_of
        if not isinstance(when, datetime) or when.utcoffset() is None:
            pytest.skip("test_observation_time_is_utc shows what is wrong")
        now = lab.cloud.services.clock.now()
        expect(
            when <= now + SKEW,
            did=f"at {now} it observed as of {when}",
            contract="as_of is the moment of the observation; an absence counts settle_after it",
            change="use self.services.clock.now(), taken before the listing",
        )

    def test_endpoints_are_plain_text(self, lab: Lab) -> None:
        """An endpoint's options are texts, for they are stored."""
        endpoint = lab.running().nodes[0].endpoint
        options = getattr(endpoint, "options", {})
        expect(
            isinstance(options, Mapping) and all(isinstance(x, str) for pair in options.items() for x in pair),
            did=f"the endpoint is {endpoint!r}",
            contract="Endpoint.options maps text to text",
            change='write numbers as text: "port": "22"',
        )

    def test_each_node_has_its_own_endpoint(self, lab: Lab, gang_size: int) -> None:
        """Two nodes of a gang are reached in two ways, or their jobs would meet on one machine."""
        endpoints = [node.endpoint for node in lab.running(range(gang_size)).nodes if node.endpoint is not None]
        shown = [repr(endpoint) for endpoint in endpoints]
        expect(
            len(set(shown)) == len(shown),
            did=f"the nodes of a gang of {gang_size} are reached at {shown}",
            contract="a node's Endpoint is how to reach that node",
            change="report the machine's own address, with the port that is mapped to it where several share one",
        )

    def test_causes_need_evidence(self, lab: Lab) -> None:
        """A node that runs, and that nobody took anything from, is not said to have been taken back."""
        node = lab.running().nodes[0]
        blamed = str(getattr(node.cause, "value", node.cause)) in {"preempted", "provider"}
        expect(
            not blamed or node.evidence,
            did=f"node {node.id} runs, with cause {node.cause!r} and no evidence",
            contract="cause says who brought a node into its state, as far as there is evidence; else UNKNOWN",
            change="report PREEMPTED or PROVIDER only with the provider's own word for it in `evidence`",
        )

    @since(1, 1)
    def test_instance_type_is_what_was_rented(self, lab: Lab) -> None:
        """A node that tells its type tells that of its offer: a lost record is rebuilt from it."""
        node = lab.running().nodes[0]
        expect(
            node.instance_type in {"", lab.offer.instance_type},
            did=f"{lab.offer.instance_type!r} was rented, and node {node.id} says it is {node.instance_type!r}",
            contract="Node.instance_type is the instance_type of an offer, or '' when unknown",
            change="report the type under the name that offers() uses",
        )

    @since(1, 1)
    def test_region_and_zone_are_those_that_were_rented(self, lab: Lab) -> None:
        """A node that tells where it is tells the place of its offer: its price is looked up by it."""
        node, offer = lab.running().nodes[0], lab.offer
        good = node.region in {"", offer.region} and (offer.zone is None or node.zone in {None, offer.zone})
        expect(
            good,
            did=f"{offer.region!r}, zone {offer.zone!r} was rented, and node {node.id} says it is in {node.region!r}, "
            f"zone {node.zone!r}",
            contract="Node.region and Node.zone are those of an offer, or '' and None when unknown",
            change="report them under the names that offers() uses",
        )

    @since(1, 1)
    def test_created_at_has_gone_by(self, lab: Lab) -> None:
        """A node that tells when it was made tells a time with a zone that is not in the future."""
        node, now = lab.running().nodes[0], lab.cloud.services.clock.now()
        when: object = node.created_at
        good = when is None or (isinstance(when, datetime) and when.utcoffset() == timedelta(0) and when <= now + SKEW)
        expect(
            good,
            did=f"at {now} node {node.id} was made at {when!r}",
            contract="created_at is timezone-aware UTC and has gone by, or None when unknown",
            change="parse the provider's time with its zone: datetime.fromisoformat(text).astimezone(UTC)",
        )

    def test_launch_outcomes_are_typed(self, lab: Lab) -> None:
        """What became of a launch is told by its token, and a failure by an error of the contract."""
        launched = lab.running()
        wrong = [one for one in lab.look(None).launches if not _well_told(one)]
        wrong += [
            one
            for one in lab.look({launched.owner}).launches
            if one not in wrong and one.token == launched.prepared.token and one.state is LaunchState.FAILED
        ]
        expect(
            not wrong,
            did=f"with its node running, launches says {wrong}",
            contract="a LaunchOutcome has a token, an owner, a LaunchState and, when FAILED, a leaf of ProviderError",
            change="map the operation's error as you map those that calls raise",
        )

    def test_leftovers_are_typed(self, lab: Lab) -> None:
        """Disks, addresses and the like have an id, a kind, an owner and a cost that is a Decimal or None."""
        lab.running()
        wrong = [one for one in lab.look(None).leftovers if not _well_left(one)]
        expect(
            not wrong,
            did=f"leftovers says {wrong}",
            contract="a Leftover has texts for id and kind, an Owner or None, and hourly_cost as Decimal or None",
            change="name what it is and whose; take the cost from a table, as Decimal",
        )

    def test_ranks_agree_with_the_receipt(self, lab: Lab, gang_size: int) -> None:
        """A node and the receipt that names it tell the same rank."""
        launched = lab.running(range(gang_size))
        promised = {id_: rank for rank, id_ in launched.receipt.node_ids.items()}
        asked = set(launched.prepared.ranks)
        if set(promised.values()) != asked or {node.rank for node in launched.nodes} not in (asked, {None}):
            pytest.skip("test_receipt_maps_accepted_ranks_to_ids or test_gang_has_one_node_per_rank show what is wrong")
        odd = [f"{node.id}: {promised[node.id]} and {node.rank}" for node in launched.nodes if _differs(node, promised)]
        expect(
            not odd,
            did=f"receipt and observation disagree on the ranks of {odd}",
            contract="node_ids maps each accepted rank to the provider's id of that rank's machine",
            change="pair the ids with the ranks in the order in which the machines were asked for, or read their names",
        )


def _well_told(one: LaunchOutcome) -> bool:
    failed = one.state is LaunchState.FAILED
    return (
        isinstance(one.token, str)
        and isinstance(one.owner, Owner)
        and isinstance(one.state, LaunchState)
        and (isinstance(one.error, ProviderError) and type(one.error) is not ProviderError if failed else not one.error)
    )


def _well_left(one: Leftover) -> bool:
    cost: object = one.hourly_cost
    texts = isinstance(one.id, str) and isinstance(one.kind, str) and one.id and one.kind
    return bool(texts) and isinstance(one.owner, Owner | None) and (cost is None or isinstance(cost, Decimal))


def _differs(node: Node, promised: Mapping[str, int]) -> bool:
    return node.rank is not None and node.id in promised and promised[node.id] != node.rank
