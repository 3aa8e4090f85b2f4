"""What the rules of every kind of provider share: fixtures for objects of one account, and how one is made."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, NoReturn

import pytest

from styx.api import Clock, new_installation_id
from styx.testing.since import Version, since_of, written_for
from styx.testing.verdict import expect
from styx.testing.watch import network_attempts


class ProviderRules:
    """What a rule has at hand, whatever the kind. ``provider`` is what the kind's own fixture gives."""

    contract_kind: ClassVar[str]

    @pytest.fixture
    def contract_version(self, provider: Any) -> Version:
        """The version of the contract that the provider was written for: what its manifest says."""
        return written_for(type(provider), self.contract_kind)

    @pytest.fixture(autouse=True)
    def _in_force(self, request: pytest.FixtureRequest) -> None:
        """A minor version only adds: a provider is held to no rule that is newer than it."""
        rule = since_of(request.function)
        if rule > (0, 0) and rule > (written := request.getfixturevalue("contract_version")):
            kind = self.contract_kind
            pytest.skip(f"a rule since {kind} contract {_text(rule)}; this was written for {kind} {_text(written)}")

    @pytest.fixture
    def provider(self) -> NoReturn:
        """The object to test, under one name for all kinds."""
        raise NotImplementedError

    @pytest.fixture
    def fresh(self, provider: Any) -> Callable[[], Any]:
        """Makes another object of the same account, as the next client of the same user would."""
        return lambda: type(provider)(provider.services)

    @pytest.fixture
    def neighbour(self, provider: Any) -> Any:
        """An object for the same account that belongs to another installation of Styx."""
        return type(provider)(replace(provider.services, installation=new_installation_id()))

    @pytest.fixture
    def clock(self, provider: Any) -> Clock:
        """Where the kit takes its time from."""
        clock: Clock = provider.services.clock
        return clock


class MakingRules(ProviderRules):
    """Names and construction."""

    def test_name_fits_into_commands_and_manifests(self, provider: Any) -> None:
        """A provider's name is lower case, a letter first: users type it and manifests list it."""
        name = getattr(provider, "name", None)
        expect(
            isinstance(name, str) and re.fullmatch(r"[a-z][a-z0-9-]{0,30}", name),
            did=f"its name is {name!r}",
            contract="`name` is lower-case letters, digits and hyphens, a letter first",
            change="set the class variable `name` to what the manifest calls it",
        )

    def test_making_the_object_needs_no_network(self, fresh: Callable[[], Any]) -> None:
        """The constructor keeps its services and does nothing else."""
        with network_attempts() as attempts:
            try:
                fresh()
            except OSError:
                if not attempts:
                    raise
        expect(
            not attempts,
            did=f"__init__ reached for the network: {', '.join(attempts)}",
            contract="what cannot be reached must still be constructible: __init__ keeps services and does no more",
            change="make the SDK's client, or the connection, on first use",
        )

    def test_the_object_can_be_made_again(self, provider: Any, fresh: Callable[[], Any]) -> None:
        """Two objects of one account live side by side: each client has its own."""
        try:
            second = fresh()
        except Exception as error:  # noqa: BLE001 - whatever it is, the author should read it as a broken rule
            problem = f"a second {type(provider).__name__}(services) raised {type(error).__name__}: {error}"
        else:
            problem = "" if second is not provider else "a second construction returned the first object"
        expect(
            not problem,
            did=problem,
            contract="one object per client; __init__ takes services alone",
            change="write the class so that __init__(services) is all it needs, or override the fixture `fresh`",
        )


def _text(version: Version) -> str:
    return f"{version[0]}.{version[1]}"
