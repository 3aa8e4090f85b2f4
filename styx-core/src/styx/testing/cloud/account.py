"""Rules about the object itself: what it declares, how it is made, whose account it is and which places that has."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from styx.api import (
    Cloud,
    Fault,
    Idempotency,
    Identity,
    Offer,
    ProviderError,
    Scope,
    SelfStop,
    Traits,
)
from styx.api import cloud as contract
from styx.plugins.kinds import KINDS
from styx.testing.cloud.base import CloudRules
from styx.testing.cloud.lab import Lab, ids
from styx.testing.driver import Driver
from styx.testing.provider import MakingRules
from styx.testing.since import since
from styx.testing.verdict import GaveUp, expect
from styx.testing.watch import naps

CAPABILITIES = [vars(contract)[path.partition(":")[2]] for path in KINDS["cloud"].capabilities.values()]
METHODS = {"", *(name for one in (Cloud, *CAPABILITIES) for name in vars(one) if callable(getattr(one, name)))}


class AccountRules(CloudRules, MakingRules):
    """Declaration, construction, identity, scopes, threads."""

    def test_traits_are_whole_and_typed(self, cloud: Cloud) -> None:
        """Traits are given in the contract's own types, times as seconds that exist."""
        traits = getattr(cloud, "traits", None)
        good = isinstance(traits, Traits) and isinstance(traits.idempotency, Idempotency)
        times: list[float] = []
        if isinstance(traits, Traits):
            times = [traits.token_lifetime, traits.settle_after, traits.boot_deadline]
            good = good and all(isinstance(mode, SelfStop) for mode in traits.self_stop)
        expect(
            good and all(isinstance(t, int | float) and math.isfinite(t) and t >= 0 for t in times),
            did=f"its traits are {traits!r}",
            contract="`traits` is a Traits: an Idempotency, SelfStop modes, seconds that are finite and not negative",
            change="set the class variable `traits = Traits(Idempotency....)`",
        )

    def test_replayable_launches_say_for_how_long(self, cloud: Cloud) -> None:
        """A cloud with tokens or unique names says how long a launch may be replayed."""
        if cloud.traits.idempotency not in {Idempotency.TOKEN, Idempotency.NAME}:
            return
        expect(
            cloud.traits.token_lifetime > 0,
            did=f"it declares {cloud.traits.idempotency} with a token_lifetime of {cloud.traits.token_lifetime:g} s",
            contract="core replays a stored launch within token_lifetime only, so 0 means never",
            change="set token_lifetime to how long the provider remembers a token (or keeps a name)",
        )

    @since(1, 1)
    def test_pace_is_seconds_by_method(self, cloud: Cloud) -> None:
        """traits.pace names methods of the contract, or "" for all of them, and seconds that exist."""
        pace: object = getattr(cloud.traits, "pace", None)
        good = isinstance(pace, Mapping) and all(
            method in METHODS and isinstance(s, int | float) and math.isfinite(s) and s >= 0
            for method, s in pace.items()
        )
        expect(
            good,
            did=f"traits.pace is {pace!r}",
            contract="pace maps methods (launch, observe, ...; '' for all together) to the least seconds between calls",
            change=f"use these names: {', '.join(sorted(name for name in METHODS if name[:1] not in {'', '_'}))}",
        )

    def test_faults_are_faults(self, cloud: Cloud, driver: Driver) -> None:
        """faults() lists Faults with a message, and raises nothing but provider errors."""
        try:
            faults = list(driver.call(cloud.faults, what="faults()"))
        except ProviderError:
            return
        expect(
            all(isinstance(one, Fault) and isinstance(one.message, str) and one.message for one in faults),
            did=f"faults() returned {faults!r}",
            contract="faults() is a sequence of Fault(message, serious), worst first; nothing wrong is nothing",
            change="return [Fault(sentence), ...]",
        )

    def test_check_says_who_we_are(self, cloud: Cloud, driver: Driver) -> None:
        """check() returns an Identity with an account id."""
        identity = driver.call(cloud.check, what="check()")
        expect(
            isinstance(identity, Identity) and isinstance(identity.account, str) and identity.account.strip(),
            did=f"check() returned {identity!r}",
            contract="check() returns Identity(account=...), a text that is not empty",
            change="ask the provider for the account's own stable id",
        )

    def test_the_account_id_is_stable(self, cloud: Cloud, fresh: Callable[[], Cloud], driver: Driver) -> None:
        """The account id is the same at every call and from every object: clusters are bound to it."""
        seen = [driver.call(one.check, what="check()").account for one in (cloud, cloud, fresh())]
        expect(
            len(set(seen)) == 1,
            did=f"check() told the accounts {seen}",
            contract="Identity.account is stable for the life of the account",
            change="use the provider's id of the account, not a session, token or time",
        )

    def test_scopes_are_distinct_places(self, cloud: Cloud, driver: Driver) -> None:
        """Scopes are Scope objects with names, each listed once."""
        scopes = driver.call(lambda: list(cloud.scopes()), what="scopes()")
        good = all(isinstance(scope, Scope) and scope.name for scope in scopes) and len(set(scopes)) == len(scopes)
        expect(
            good,
            did=f"scopes() returned {scopes}",
            contract="each place once, as Scope(name) with a name that is unique within the account",
            change="remove duplicates and empty names",
        )

    def test_every_offer_is_in_a_listed_scope(self, cloud: Cloud, offers: list[Offer], driver: Driver) -> None:
        """scopes() names every place where something can be rented, so that nothing is overlooked."""
        listed = {scope.name for scope in driver.call(lambda: list(cloud.scopes()), what="scopes()")}
        missing = sorted({offer.scope.name for offer in offers} - listed)
        expect(
            not missing,
            did=f"offers() sells in {missing}, which scopes() does not list",
            contract="scopes() is every place where this account may hold resources",
            change="derive both from one list of regions",
        )

    def test_a_fresh_object_sees_the_same_nodes(self, fresh: Callable[[], Cloud], lab: Lab) -> None:
        """A provider remembers nothing: what one object launched, the next one finds."""
        launched = lab.running()
        there = ids(launched)
        seen = ids(lab.observe({launched.owner}, cloud=fresh(), has=there))
        expect(
            there <= seen,
            did=f"one object sees {sorted(there)}, a fresh one {sorted(seen)}",
            contract="a provider never remembers; a killed client loses nothing",
            change="answer observe() from the provider's API by name or tag, not from what this object did",
        )

    def test_parallel_observations_agree(self, lab: Lab) -> None:
        """Objects are thread-safe: eight threads that observe at once see the same."""
        launched = lab.running()
        wanted = ids(launched)
        with ThreadPoolExecutor(8) as pool:
            jobs = [pool.submit(lab.observe, {launched.owner}, has=wanted) for _ in range(32)]
            seen = [sorted(node.id for node in job.result().nodes) for job in jobs]
        odd = [each for each in seen if each != sorted(wanted)]
        expect(
            not odd,
            did=f"of 32 observations by 8 threads {len(odd)} differ, for example {odd[:1]} instead of {sorted(wanted)}",
            contract="methods are called from threads, several at a time",
            change="keep no per-call state on the object; give each thread its own SDK session if the SDK needs that",
        )

    def test_calls_never_sleep(self, lab: Lab) -> None:
        """Waiting is core's: no call sleeps, neither for a machine nor before a retry."""
        with naps() as taken:
            launched = lab.running()
            with contextlib.suppress(ProviderError, GaveUp):  # another rule's business
                lab.wait_until_gone(launched, settled=False)
        expect(
            not taken,
            did=f"calls slept {len(taken)} times, {sum(taken):g} s in all",
            contract="a provider never sleeps or retries; where a step needs an earlier one it raises NotYet",
            change="raise NotYet(after, waiting_for) instead of waiting, and switch the SDK's own retries off",
        )
