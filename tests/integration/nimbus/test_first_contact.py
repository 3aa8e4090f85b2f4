"""Meeting a machine that was just made: it may still be booting, and nobody has told its key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from styx.api import Endpoint, HostKeyChanged, TransportError
from styx.testing.clock import FakeClock
from styx.testing.hosts import Host
from styx.transports.firstcontact import ADMITTED, SILENCE, Acquaintance, FirstContact


def unknown(host: Host, **more: str) -> Endpoint:
    """The host as a provider tells it: where it is, and no key."""
    options = host.endpoint(**more).options
    return Endpoint("ssh", {name: value for name, value in options.items() if name != "host_key"})


class Waiting(FakeClock):
    """Lets something happen at one of the pauses, and counts them."""

    def __init__(self, at: int = 0, do: Callable[[], Any] | None = None) -> None:
        super().__init__()
        self.pauses: list[float] = []
        self._at, self._do = at, do

    async def sleep(self, seconds: float) -> None:
        """Let hardly any real time pass: as much as tells two attempts apart."""
        await super().sleep(seconds)
        await asyncio.sleep(0.02)
        self.pauses.append(seconds)
        if len(self.pauses) == self._at and self._do is not None:
            await asyncio.to_thread(self._do)


def nothing(*_: Any) -> None:
    """Take no note."""


def met(pin: Callable[[str], None] = nothing, pinned: str = "", **more: Any) -> Acquaintance:
    """What a client knows of the machine that it is about to meet."""
    return Acquaintance(lambda: pinned, pin, **{"tell": nothing, **more})


async def test_the_key_that_is_shown_first_is_pinned(host: Host) -> None:
    """It is handed over before anything is sent, and the transport is one like any other after that."""
    pinned: list[str] = []
    told: list[str] = []
    node = FirstContact(unknown(host), met(pinned.append, tell=told.append), Waiting())
    try:
        assert (await node.run("echo hi")).text == "hi"
        assert (pinned, told) == ([host.host_key], ["the key it shows is trusted from now on"])
        assert await node.host_key() == host.host_key
        assert node.interactive()[-1].endswith(host.address)
    finally:
        await node.close()


async def test_another_key_later_is_refused(host: Host) -> None:
    """A machine that was stopped and started is known by the key from before, whatever its address."""
    known = host.host_key
    host.change_host_key()
    node = FirstContact(unknown(host), met(pinned=known), Waiting())
    with pytest.raises(HostKeyChanged):
        await node.run("echo hi")
    await node.close()


async def test_a_machine_that_boots_is_waited_for(host: Host) -> None:
    """Its provider calls it running long before its sshd listens."""
    host.stop()
    waiting = Waiting(3, host.start)
    pinned: list[str] = []
    node = FirstContact(unknown(host), met(pinned.append), waiting)
    try:
        assert (await node.run("echo hi")).text == "hi"
    finally:
        await node.close()
    assert len(waiting.pauses) == 3
    assert len(pinned) == 1


async def test_one_that_never_comes_is_given_up(host: Host) -> None:
    """After the time a boot may take, the reason is that of the last try."""
    host.stop()
    waiting = Waiting()
    node = FirstContact(unknown(host), met(), waiting, wait=30.0)
    with pytest.raises(TransportError, match=r"failed|does not answer"):
        await node.run("echo hi")
    assert 30.0 <= sum(waiting.pauses) <= 40.0


async def test_one_that_does_not_let_us_in_is_given_up_sooner(hosts: list[Host], tmp_path: Any) -> None:
    """Keys are often put there after sshd is up, but not minutes after."""
    stranger = tmp_path / "other"
    process = await asyncio.create_subprocess_exec("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(stranger))
    await process.wait()
    waiting = Waiting()
    node = FirstContact(unknown(hosts[0], identity_file=str(stranger)), met(), waiting, wait=500.0)
    with pytest.raises(TransportError, match="refuses to let us in"):
        await node.run("echo hi")
    assert sum(waiting.pauses) < 70.0
    await node.close()


class TestBarred:
    """A machine that runs and does not answer may be behind a firewall of its provider: the user has moved."""

    async def test_it_is_let_in_once_and_tried_again(self, host: Host) -> None:
        """The provider is asked at once where the machine was up before, and given some time."""
        asked: list[bool] = []

        async def admit() -> bool:
            asked.append(True)
            await asyncio.to_thread(host.restore)
            return True

        await asyncio.to_thread(host.cut)
        waiting = Waiting()
        node = FirstContact(unknown(host), met(pinned=host.host_key, admit=admit), waiting, wait=0.0)
        node.patience = 0.5
        try:
            assert (await node.run("echo hi")).text == "hi"
        finally:
            await node.close()
        assert asked == [True]
        assert waiting.monotonic() < ADMITTED

    async def test_it_is_given_up_soon_after(self, host: Host) -> None:
        """Where that does not help, the error is that of the last try; a provider that refuses ends it at once."""
        answers = [True, False]
        host.stop()
        await asyncio.to_thread(host.start)
        await asyncio.to_thread(host.cut)
        for answer in answers:

            async def admit(answer: bool = answer) -> bool:
                return answer

            waiting = Waiting()
            node = FirstContact(unknown(host), met(pinned=host.host_key, admit=admit), waiting, wait=0.0)
            node.patience = 0.05
            with pytest.raises(TransportError, match=r"does not answer|failed"):
                await node.run("echo hi")
            assert (waiting.monotonic() >= ADMITTED) is answer
            assert waiting.monotonic() < ADMITTED + 5

    async def test_a_machine_that_boots_is_silent_for_a_while(self, host: Host) -> None:
        """Nobody is asked for that; and one that answers, however unfriendly, is not barred."""
        asked: list[float] = []
        waiting = Waiting()

        async def admit() -> bool:
            asked.append(waiting.monotonic())
            return False

        await asyncio.to_thread(host.cut)
        node = FirstContact(unknown(host), met(admit=admit), waiting, wait=200.0)
        node.patience = 0.05
        with pytest.raises(TransportError):
            await node.meet()
        assert len(asked) == 1
        assert SILENCE <= asked[0] < SILENCE + 5
        await asyncio.to_thread(host.restore)
        host.stop()
        node = FirstContact(unknown(host), met(admit=admit), Waiting(), wait=100.0)
        with pytest.raises(TransportError):
            await node.meet()
        assert len(asked) == 1
