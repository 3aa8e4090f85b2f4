"""Rules about saying what is there."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from styx.api import Billing, Cause, Cloud, NodeState, Observation, Owner, ProviderError, Scope
from styx.testing.cloud.base import CloudRules
from styx.testing.cloud.lab import Lab, ids
from styx.testing.driver import Driver
from styx.testing.since import since
from styx.testing.verdict import ContractBroken, expect


class ObserveRules(CloudRules):
    """What observe() must and must not do."""

    def test_running_nodes_can_be_reached(self, lab: Lab) -> None:
        """A running node says how to reach it."""
        node = lab.running().nodes[0]
        endpoint = node.endpoint
        expect(
            endpoint is not None and endpoint.kind,
            did=f"node {node.id} is running and its endpoint is {endpoint!r}",
            contract="a running node has an Endpoint: process, ssh, or a transport of the plugin's own",
            change="report PENDING until the address is known, then RUNNING with the endpoint",
        )

    def test_nodes_are_typed(self, lab: Lab) -> None:
        """State, cause and billing are the contract's own values."""
        node = lab.running().nodes[0]
        expect(
            isinstance(node.state, NodeState) and isinstance(node.cause, Cause) and isinstance(node.billing, Billing),
            did=f"node {node.id} has state {node.state!r}, cause {node.cause!r}, billing {node.billing!r}",
            contract="state, cause and billing are NodeState, Cause and Billing",
            change="map the provider's words onto them in one table",
        )

    def test_costs_are_decimals(self, lab: Lab) -> None:
        """hourly_cost is a Decimal in USD, or None when unknown."""
        node = lab.running().nodes[0]
        cost = node.hourly_cost
        expect(
            cost is None or (isinstance(cost, Decimal) and cost >= 0),
            did=f"node {node.id} costs {cost!r}",
            contract="hourly_cost is Decimal, USD per hour in the present state, or None when unknown",
            change="take the price from the offer, as Decimal",
        )

    def test_node_names_can_be_read_back(self, lab: Lab) -> None:
        """A node's name says whose it is, so that a lost database can be rebuilt."""
        launched = lab.running()
        node = launched.nodes[0]
        parsed = Owner.parse(node.name) if node.name else (launched.owner, None)
        expect(
            parsed is not None and parsed[0] == launched.owner,
            did=f"node {node.id} of {launched.owner.name} is named {node.name!r} ({len(node.name)} characters)",
            contract="names are at most 40 characters and Owner.parse() inverts them; '' where there are none",
            change="name machines owner.node_name(rank) and report that name",
        )

    def test_node_token_is_that_of_its_launch(self, lab: Lab) -> None:
        """Where a node tells a token, it is that of the launch that made it."""
        launched = lab.running()
        token = launched.nodes[0].token
        expect(
            not token or token == launched.prepared.token,
            did=f"launched with token {launched.prepared.token!r}, the node shows {token!r}",
            contract="Node.token is the idempotency token of the node's launch, or None",
            change="store prepared.token with the machine, or leave it out",
        )

    def test_private_networks_have_addresses(self, lab: Lab, gang_size: int) -> None:
        """With traits.private_network every running node has a private address of its own."""
        if not lab.cloud.traits.private_network:
            pytest.skip("the cloud does not promise a private network")
        addresses = [node.private_ip for node in lab.running(range(gang_size)).nodes]
        expect(
            all(addresses) and len(set(addresses)) == len(addresses),
            did=f"a gang of {gang_size} has the private addresses {addresses}",
            contract="with private_network, nodes of one attempt reach each other by private_ip",
            change="report private_ip, or set private_network=False",
        )

    def test_observation_is_of_the_scope_asked_for(self, lab: Lab) -> None:
        """Observation.scope is the scope that was asked for."""
        seen = lab.look(None)
        expect(
            isinstance(seen, Observation) and seen.scope == lab.offer.scope,
            did=f"asked for {lab.offer.scope}, it answered for {getattr(seen, 'scope', seen)!r}",
            contract="observe(scope, ...) returns the Observation of that scope",
            change="return Observation(scope, ...)",
        )

    def test_observation_time_is_utc(self, lab: Lab) -> None:
        """as_of is timezone-aware UTC."""
        when = lab.look(None).as_of
        expect(
            isinstance(when, datetime) and when.utcoffset() == timedelta(0),
            did=f"as_of is {when!r}",
            contract="times are timezone-aware UTC",
            change="use self.services.clock.now()",
        )

    def test_everything_includes_each_owner(self, lab: Lab, gang_size: int) -> None:
        """observe(None) shows at least what observe({owner}) shows."""
        launched = lab.running(range(gang_size))
        lab.running()
        ours = ids(launched)
        everything = ids(lab.observe(None, has=ours))
        expect(
            ours <= everything,
            did=f"observe() of {launched.owner.name} shows {sorted(ours)}, observe(None) only {sorted(everything)}",
            contract="None means all of this installation",
            change="with None leave the owner filter out, and read all pages of the listing",
        )

    @since(1, 1)
    def test_every_page_is_read(self, lab: Lab, gang_size: int) -> None:
        """With the nodes of several owners there, none is missing from its own owner's listing."""
        gangs = [lab.running(range(gang_size), lab.owner(f"page-{n}")) for n in range(2)]
        missing = []
        for gang in gangs:
            there = ids(gang)
            missing.append(sorted(there - ids(lab.observe({gang.owner}, has=there))))
        expect(
            not any(missing),
            did=f"with {len(gangs)} gangs of {gang_size} there, observe() of each leaves out {missing}",
            contract="an observation is everything that these owners hold in one scope",
            change="follow the cursor of the listing to its end, and filter afterwards",
        )

    def test_owners_filter(self, lab: Lab) -> None:
        """observe({owner}) shows that owner's nodes and no other's."""
        lab.running()
        other = lab.owner("another-cluster")
        strangers = [node.id for node in lab.observe({other}).nodes if node.owner not in {other, None}]
        expect(
            not strangers,
            did=f"observe({{{other.name}}}) shows nodes of others: {strangers}",
            contract="owners: of these owners only",
            change="filter by owner",
        )

    def test_no_owners_is_not_everybody(self, lab: Lab) -> None:
        """An empty collection of owners means nobody; only None means all."""
        lab.running()
        seen = [node.id for node in lab.observe(()).nodes if node.owner is not None]
        expect(
            not seen,
            did=f"observe(scope, ()) shows {seen}",
            contract="of these owners, or with None of this whole installation",
            change="write `if owners is None`, not `if not owners`",
        )

    def test_nodes_are_in_their_scope_only(self, cloud: Cloud, lab: Lab) -> None:
        """A node is observed in the scope it was launched in and in no other."""
        others = [s for s in lab.driver.call(lambda: list(cloud.scopes()), what="scopes()") if s != lab.offer.scope]
        if not others:
            pytest.skip("the account has one scope only")
        launched = lab.running()
        seen = lab.mine(lab.observe({launched.owner}, others[0]), launched.owner)
        expect(
            not seen,
            did=f"launched in {lab.offer.scope.name}, {seen} are shown in {others[0].name} too",
            contract="an observation is of one scope",
            change="list in the region (or namespace) that the scope names",
        )

    def test_unknown_scope_is_a_provider_error_or_empty(self, cloud: Cloud, driver: Driver) -> None:
        """A place that does not exist gives a ProviderError or nothing; it does not crash."""
        nowhere = Scope("no-such-place")
        try:
            seen = driver.call(lambda: cloud.observe(nowhere, None).nodes, what="observe()")
            did = f"observe() of a scope that does not exist shows {[node.id for node in seen]}"
        except ProviderError:
            return
        except ContractBroken as broken:
            seen, did = (), str(broken)
            expect(
                False,
                did=did,
                contract="every method raises ProviderErrors only",
                change="look scopes up with a check, and raise NotFound",
            )
        expect(not seen, did=did, contract="an observation is of one scope", change="raise NotFound or show nothing")

    def test_other_installations_are_not_shown(self, lab: Lab, neighbour: Cloud) -> None:
        """What another installation of Styx holds in the same account is not ours to see."""
        theirs = lab.running(cloud=neighbour)
        ours = lab.cloud.services.installation
        shown = [n.id for n in lab.observe(None).nodes if n.owner is not None and n.owner.installation != ours]
        expect(
            not shown,
            did=f"observe(None) of installation {ours} shows {shown}, of {theirs.owner.name} or others",
            contract="None means all of this installation; the installation id is part of every name and tag",
            change="filter by services.installation",
        )
