"""Rules about money: what is bought, how often, and at which price."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from styx.api import Idempotency, InsufficientCapacity, Offer, Prepared, ProviderError, QuotaExceeded, slug
from styx.testing.cloud.base import CloudRules
from styx.testing.cloud.lab import RUNNING_TEST, Lab, Launched, ids
from styx.testing.since import since
from styx.testing.verdict import ContractBroken, GaveUp, expect

FEW = 16  # machines that a test may ask for at once


class SpendingRules(CloudRules):
    """What is bought, and what must not be."""

    def test_receipts_are_plain_data(self, lab: Lab) -> None:
        """A receipt is stored: its cost is a Decimal or None, its further data texts."""
        receipt = lab.running().receipt
        cost: object = getattr(receipt, "hourly_cost", None)
        data: object = getattr(receipt, "data", {})
        texts = isinstance(data, Mapping) and all(isinstance(x, str) for pair in data.items() for x in pair)
        expect(
            texts and (cost is None or (isinstance(cost, Decimal) and cost >= 0)),
            did=f"the launch was answered with hourly_cost {cost!r} and data {data!r}",
            contract="Receipt.hourly_cost is Decimal, USD per hour for all of them, or None; data maps text to text",
            change="take the price from the offer, as Decimal, and write everything else as text",
        )

    @since(1, 1)
    def test_a_spent_token_buys_nothing(self, lab: Lab) -> None:
        """A token whose machines are gone stays spent: launched again, it makes no machine."""
        _needs_tokens(lab)
        launched = lab.running()
        self._replays(lab, launched)
        lab.gone_for_good(launched)
        with contextlib.suppress(ProviderError):  # refusing is right
            lab.launch(launched.prepared)
        self._nothing_new(lab, launched.prepared, set(), "launched again after its machines were terminated")

    @since(1, 1)
    def test_a_token_is_for_one_launch(self, lab: Lab, offers: list[Offer]) -> None:
        """A token that comes again with other parameters is refused, or answered with what it bought: never more."""
        _needs_tokens(lab)
        others = [o for o in offers if o.instance_type != lab.offer.instance_type and o.scope == lab.offer.scope]
        if not others:
            pytest.skip("only one offer in this scope")
        launched = lab.running()
        self._replays(lab, launched)
        try:
            other = lab.prepare(lab.request(launched.owner, offer=others[0]))
        except (ProviderError, ContractBroken, GaveUp) as error:
            pytest.skip(f"needs prepare() to work; {RUNNING_TEST} shows what is wrong ({error})")
        bought = {node.id for node in lab.nodes(launched.owner)}
        with contextlib.suppress(ProviderError):  # refusing is right
            lab.launch(replace(other, token=launched.prepared.token))
        self._nothing_new(lab, launched.prepared, bought, f"that had bought {sorted(bought)}, sent for another type")

    def test_more_than_there_is_buys_nothing(self, lab: Lab) -> None:
        """Asked for one node more than the offer has, it says so; what was not accepted is not there."""
        available = lab.offer.available
        if available is None or not 0 < available < FEW:
            pytest.skip(f"the offer does not say that it has fewer than {FEW}")
        request = lab.request(ranks=range(available + 1))
        try:
            prepared = lab.prepare(request)
            accepted = len(lab.launch(prepared).node_ids)
            said = f"was answered with a receipt for {accepted}"
            good = accepted <= available
        except (InsufficientCapacity, QuotaExceeded) as error:
            good, accepted, said = True, 0, f"raised {type(error).__name__}"
        except ProviderError as error:
            good, accepted, said = False, 0, f"raised {type(error).__name__}: {error}"
        there = len(lab.nodes(request.owner))
        expect(
            good and there == accepted,
            did=f"a launch of {available + 1} nodes where there are {available} {said}, and {there} are there",
            contract="the receipt names the ranks accepted; else InsufficientCapacity or QuotaExceeded, and nothing is",
            change="ask for all or none where the provider can, and name in the receipt what it gave",
        )

    def test_ids_are_never_used_again(self, lab: Lab) -> None:
        """The next machine has another id, though the last one is gone."""
        first = lab.running()
        lab.gone_for_good(first)
        again = sorted(ids(first) & ids(lab.running()))
        expect(
            not again,
            did=f"{again} was terminated, and the next launch's machine has that id again",
            contract="Node.id is the provider's, unique within its scope and never used again",
            change="use the id that the provider gives each machine, not a name, place or number in a list",
        )

    def test_spot_is_bought_as_spot(self, lab: Lab, offers: list[Offer]) -> None:
        """Asked for spot, it does not rent at the full price."""
        cheaper = [o for o in offers if o.spot_hourly_price is not None and o.spot_hourly_price < (o.hourly_price or 0)]
        if not cheaper:
            pytest.skip("no offer is cheaper as spot")
        offer = min(cheaper, key=lambda offer: offer.spot_hourly_price or 0)
        request = replace(lab.request(offer=offer), spot=True)
        node = lab.running_as(request).nodes[0]
        expect(
            not isinstance(node.hourly_cost, Decimal) or node.hourly_cost < (offer.hourly_price or 0),
            did=f"{offer.instance_type}, asked for at {offer.spot_hourly_price} as spot, costs {node.hourly_cost}",
            contract="LaunchRequest.spot: bought at spot prices",
            change="pass request.spot on to the provider's create call, by way of the payload",
        )

    def test_the_longest_names_are_kept(self, lab: Lab) -> None:
        """A name of 40 characters comes back whole: owner and rank can be read from it."""
        owner = lab.owner(slug("n" * 60))
        launched = lab.running((999,), owner)
        ranks = [launched.rank_of(node) for node in launched.nodes]
        names, whole = [node.name for node in launched.nodes], owner.node_name(999)
        expect(
            ranks == [999] and not any(name and name != whole and whole.startswith(name) for name in names),
            did=f"{whole} came up with ranks {ranks} as {names}",
            contract="names are at most 40 characters and are kept as they are, ranks up to 999 included",
            change="do not shorten names; put the owner into tags where the provider's names are shorter",
        )

    @staticmethod
    def _replays(lab: Lab, launched: Launched) -> None:
        """Skip the test where not even a plain replay is safe."""
        with contextlib.suppress(ProviderError):
            lab.launch(launched.prepared)
        if len(lab.nodes(launched.owner)) != len(launched.nodes):
            pytest.skip("needs a replay to be safe; test_replay_makes_no_second_machine shows what is wrong")

    @staticmethod
    def _nothing_new(lab: Lab, prepared: Prepared, known: set[str], how: str) -> None:
        __tracebackhide__ = True
        lab.driver.pause(lab.driver.interval)
        new = sorted({node.id for node in lab.nodes(prepared.owner)} - known)
        expect(
            not new,
            did=f"token {prepared.token!r}, {how}, made {new}",
            contract="token: the same token returns the same machines, or is refused; it never buys others",
            change="let the provider's own idempotency token do this; else declare NAME or SEARCH",
        )


def _needs_tokens(lab: Lab) -> None:
    if lab.cloud.traits.idempotency is not Idempotency.TOKEN:
        pytest.skip(f"{lab.cloud.traits.idempotency}: there are no tokens")
