"""Meeting a machine that was just made: it may still be booting, and nobody has told its key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from styx.api import Endpoint, HostKeyChanged, TransportError
from styx.testing.hosts import Host
from styx.transports.firstcontact import FirstContact


def unknown(host: Host, **more: str) -> Endpoint:
    """The host as a provider tells it: where it is, and no key."""
    options = host.endpoint(**more).options
    return Endpoint("ssh", {name: value for name, value in options.items() if name != "host_key"})


class Waiting:
    """Takes the place of sleep: counts, and lets something happen at one of the pauses."""

    def __init__(self, at: int = 0, do: Callable[[], Any] | None = None) -> None:
        self.pauses: list[float] = []
        self._at, self._do = at, do

    async def __call__(self, seconds: float) -> None:
        """Let no time pass."""
        self.pauses.append(seconds)
        if len(self.pauses) == self._at and self._do is not None:
            await asyncio.to_thread(self._do)


async def test_the_key_that_is_shown_first_is_pinned(host: Host) -> None:
    """It is handed over before anything is sent, and the transport is one like any other after that."""
    pinned: list[str] = []
    node = FirstContact(unknown(host), pinned.append)
    try:
        assert (await node.run("echo hi")).text == "hi"
        assert [" ".join(key.split()[:2]) for key in pinned] == [host.host_key]
        assert await node.host_key() == host.host_key
        assert node.interactive()[-1].endswith(host.address)
    finally:
        await node.close()


async def test_another_key_later_is_refused(host: Host) -> None:
    """A machine that was stopped and started is known by the key from before, whatever its address."""
    known = host.host_key
    host.change_host_key()
    node = FirstContact(unknown(host), lambda _: None, pinned=known, sleep=Waiting())
    with pytest.raises(HostKeyChanged):
        await node.run("echo hi")
    await node.close()


async def test_a_machine_that_boots_is_waited_for(host: Host) -> None:
    """Its provider calls it running long before its sshd listens."""
    host.stop()
    waiting = Waiting(3, host.start)
    pinned: list[str] = []
    node = FirstContact(unknown(host), pinned.append, sleep=waiting)
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
    node = FirstContact(unknown(host), lambda _: None, sleep=waiting, wait=30.0)
    with pytest.raises(TransportError, match=r"failed|does not answer"):
        await node.run("echo hi")
    assert 30.0 <= sum(waiting.pauses) <= 40.0


async def test_one_that_does_not_let_us_in_is_given_up_sooner(hosts: list[Host], tmp_path: Any) -> None:
    """Keys are often put there after sshd is up, but not minutes after."""
    stranger = tmp_path / "other"
    process = await asyncio.create_subprocess_exec("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(stranger))
    await process.wait()
    waiting = Waiting()
    node = FirstContact(unknown(hosts[0], identity_file=str(stranger)), lambda _: None, sleep=waiting, wait=500.0)
    with pytest.raises(TransportError, match="refuses to let us in"):
        await node.run("echo hi")
    assert sum(waiting.pauses) < 70.0
    await node.close()
