"""Which machines get a watchdog, and where a launch warns instead; that it works is for the integration tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from styx.api import DIVISIBLE, Cloud, Idempotency, LaunchRequest, Offer, Prepared, Scope, SelfStop, Traits
from styx.builtin.local.cloud import LocalCloud
from styx.builtin.ssh.cloud import SshCloud
from styx.engine import watchdog
from styx.testing.memory.cloud import MemoryCloud
from support.world import HELLO, World

KIND = Traits(Idempotency.TOKEN, boot_script=True, self_stop=frozenset({SelfStop.TERMINATE}))
OFFER = Offer("rented", Scope("here"), "large", 8, 32, hourly_price=Decimal(2), spot_hourly_price=Decimal(1))


def cloud_with(traits: Traits) -> Cloud:
    """A cloud of which nothing but its traits is asked."""
    made: Any = type("Rented", (), {"name": "rented", "traits": traits})
    cloud: Cloud = made()
    return cloud


def test_a_machine_that_can_end_itself_gets_a_watchdog() -> None:
    """With the time that it was told; and nobody need be warned."""
    cloud = cloud_with(KIND)
    boot = watchdog.boot(cloud, "ssh-ed25519 AAAA")
    assert (boot.authorized_key, boot.script, boot.watchdog_seconds) == (
        "ssh-ed25519 AAAA", watchdog.script(watchdog.SECONDS), watchdog.SECONDS,
    )  # fmt: skip
    assert watchdog.SECONDS == 15 * 60
    assert watchdog.warning(cloud, OFFER, spot=False) is None


@pytest.mark.parametrize("lacking", [{"boot_script": False}, {"self_stop": frozenset()}], ids=str)
def test_one_that_cannot_gets_none_and_the_launch_warns(lacking: dict[str, Any]) -> None:
    """A shutdown that does not end the bill would only lock its owner out."""
    cloud = cloud_with(replace(KIND, **lacking))
    assert watchdog.boot(cloud, "key").script == ""
    warning = watchdog.warning(cloud, OFFER, spot=True)
    assert warning is not None
    assert "rented" in warning
    assert "\n" not in warning


@pytest.mark.parametrize(
    "offer",
    [replace(OFFER, hourly_price=Decimal(0)), replace(OFFER, capabilities=frozenset({DIVISIBLE}))],
    ids=["free", "part of a machine that is there anyway"],
)
def test_nobody_is_warned_of_what_costs_nothing_more(offer: Offer) -> None:
    """Machines that one owns."""
    cloud = cloud_with(replace(KIND, boot_script=False))
    assert watchdog.warning(cloud, offer, spot=False) is None


@pytest.mark.parametrize("cloud", [LocalCloud, SshCloud])
def test_the_clouds_of_core_need_no_script(cloud: type[Cloud]) -> None:
    """Their nodes are processes here, and machines that somebody owns."""
    assert watchdog.boot(cloud_with(cloud.traits), "key").script == ""


def test_the_script_is_the_same_every_time() -> None:
    """It is part of intents, which are replayed byte for byte."""
    assert watchdog.script() == watchdog.script()
    assert "@" not in watchdog.script(60)


class Booting(MemoryCloud):
    """A cloud that runs boot scripts, and whose machines end by shutting down; it keeps what it was asked for."""

    traits = replace(MemoryCloud.traits, boot_script=True, self_stop=frozenset(SelfStop))
    requests: ClassVar[list[LaunchRequest]] = []

    def prepare(self, request: LaunchRequest) -> Prepared:
        """Keep the request."""
        self.requests.append(request)
        return super().prepare(request)


async def test_every_new_machine_gets_the_script_and_none_a_warning(new_world: Callable[..., World]) -> None:
    """What the cloud is asked for has the watchdog in it."""
    Booting.requests.clear()
    said: list[str] = []
    await new_world(Booting).engine().launch(HELLO, "c", lambda _, sentence: said.append(sentence))
    (request,) = Booting.requests
    assert request.boot.script == watchdog.script()
    assert request.boot.authorized_key
    assert not any("cannot end by themselves" in sentence for sentence in said)


async def test_a_launch_says_once_that_nothing_would_end_its_machines(world: World) -> None:
    """Before it asks for any."""
    said: list[str] = []
    await world.engine().launch(HELLO, "c", lambda _, sentence: said.append(sentence))
    warnings = [sentence for sentence in said if "cannot end by themselves" in sentence]
    assert len(warnings) == 1
    assert "memory" in warnings[0]
    assert said.index(warnings[0]) < said.index("waiting for SSH on 1 node")
