"""The fixtures that all rules for clouds share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, ClassVar, NoReturn

import pytest

from styx.api import Accelerator, Boot, Clock, Cloud, Offer, OfferQuery, ProviderError
from styx.testing.cloud.lab import Lab
from styx.testing.cloud.reach import Reach
from styx.testing.driver import Driver
from styx.testing.provider import ProviderRules
from styx.testing.verdict import ContractBroken, GaveUp

REACH = pytest.StashKey[Reach]()  # at the class of the suite


class CloudRules(ProviderRules):
    """What a rule for clouds has at hand. ``cloud`` is the author's to define."""

    contract_kind: ClassVar[str] = "cloud"

    @pytest.fixture
    def cloud(self) -> NoReturn:
        """The cloud to test: an object made with :func:`styx.testing.services`."""
        pytest.fail("define the fixture `cloud`: it returns your Cloud, made with styx.testing.services(tmp_path, ...)")

    @pytest.fixture
    def provider(self, cloud: Cloud) -> Cloud:
        """The cloud."""
        return cloud

    @pytest.fixture(autouse=True)
    def _within_reach(self, request: pytest.FixtureRequest) -> None:
        """A rule that calls the cloud is tried only where calls get through: each would wait for that by itself."""
        if "driver" in request.fixturenames:
            reach = request.node.parent.stash.setdefault(REACH, Reach())
            reach.require(request.getfixturevalue("cloud"), request.getfixturevalue("driver"))

    @pytest.fixture
    def deadline(self, cloud: Cloud) -> float:
        """Seconds within which nodes come up, stop and go."""
        return cloud.traits.boot_deadline

    @pytest.fixture
    def driver(self, cloud: Cloud, clock: Clock, deadline: float) -> Driver:
        """What calls the cloud."""
        return Driver(clock, patience=deadline, pace=cloud.traits.pace)

    @pytest.fixture
    def query(self) -> OfferQuery:
        """What to rent: by default whatever is cheapest."""
        return OfferQuery()

    @pytest.fixture
    def impossible_query(self) -> OfferQuery:
        """What nobody sells."""
        return OfferQuery(vcpus=1e9, accelerators=(Accelerator("No-Such-Device", 4096),))

    @pytest.fixture
    def gang_size(self) -> int:
        """How many nodes a gang has; at least 2 to prove anything."""
        return 2

    @pytest.fixture
    def boot(self) -> Boot:
        """What new machines are given."""
        key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIb1tGtyTyE1ntjZ3c4wbHjUtSCcjXHGNgHqUXTmMKZB styx-conformance"
        return Boot(authorized_key=key, script="#!/bin/sh\n:\n")

    @pytest.fixture
    def secrets(self, cloud: Cloud) -> list[str]:
        """Texts that must never be stored: by default every SecretStr in the cloud's config."""
        return secret_values(cloud.services.config)

    @pytest.fixture
    def offers(self, cloud: Cloud, driver: Driver, query: OfferQuery) -> list[Offer]:
        """Everything on offer for ``query``."""
        try:
            found = driver.call(lambda: list(cloud.offers(query)), what="offers()")
        except (ProviderError, ContractBroken, GaveUp) as error:
            pytest.skip(f"needs offers; test_something_is_on_offer shows what is wrong ({error})")
        return found or pytest.skip("needs an offer; test_something_is_on_offer shows what is wrong")

    @pytest.fixture
    def lab(self, cloud: Cloud, offers: list[Offer], boot: Boot, driver: Driver, deadline: float) -> Iterator[Lab]:
        """The means to launch, on the cheapest offer."""
        lab = Lab(cloud, min(offers, key=lambda offer: offer.hourly_price or Decimal(0)), boot, driver, deadline)
        yield lab
        lab.clean_up()


def secret_values(config: Any) -> list[str]:
    """What the SecretStr-like values of a config model or mapping hold."""
    values = config.values() if isinstance(config, Mapping) else getattr(config, "__dict__", {}).values()
    return [value.get_secret_value() for value in values if hasattr(value, "get_secret_value")]
