"""Meeting a machine by the host key of its boot data, which it is known by once and never again."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from styx.api import Endpoint, HostKeyChanged, TransportError
from styx.testing.clock import FakeClock
from styx.testing.hosts import Host, Slot, in_namespaces
from styx.testing.hosts.sshd import BOOT_KEY, KEY
from styx.transports import bootkey, firstcontact
from styx.transports.firstcontact import Acquaintance, FirstContact
from styx.transports.ssh import SshTransport

pytestmark = pytest.mark.skipif(not in_namespaces(), reason="needs root and network namespaces, for its own /etc/ssh")


def bring(host: Host) -> str:
    """Do what boot data does: put a host key there; its public half."""
    key = host.directory / "ssh" / BOOT_KEY
    for path in (key, key.with_suffix(".pub")):
        path.unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-b", "256", "-N", "", "-f", str(key)], check=True)
    host.configure()
    return " ".join(key.with_suffix(".pub").read_text().split()[:2])


LISTENING = "Server listening"


def files(host: Host) -> set[str]:
    """The host keys that are on the machine."""
    return {path.name for path in (host.directory / "ssh").glob("ssh_host_*")}


class Record:
    """What one installation has on record of the machine, and what its user was told."""

    def __init__(self, host: Host, boot_key: str) -> None:
        self._host = host
        self.pins: list[str] = []
        self.told: list[str] = []
        self.clock = FakeClock()
        options = {name: text for name, text in host.endpoint().options.items() if name != "host_key"}
        self.endpoint = Endpoint("ssh", options | {"boot_key": boot_key})

    def contact(self, *, wait: float = 30.0, lost: bool = False, once: bool = False) -> FirstContact:
        """A client that is about to meet the machine."""
        known = Acquaintance(
            lambda: self.pins[-1] if self.pins else "", None if once else self.pins.append, self.told.append, lost=lost
        )
        return FirstContact(self.endpoint, known, self.clock, wait=wait)

    async def meet(self, **how: Any) -> str:
        """Meet it; the key that it is known by then."""
        heard, before = self._host.log.count(LISTENING), files(self._host)
        node = self.contact(**how)
        try:
            assert (await node.run("echo hi")).text == "hi"
            return await node.host_key()
        finally:
            await node.close()
            await asyncio.to_thread(self._settle, heard, before)

    def _settle(self, heard: int, before: set[str]) -> None:
        """Let the machine's sshd reload, where it was told to."""
        while files(self._host) < before and self._host.log.count(LISTENING) == heard:
            time.sleep(0.01)


@pytest.fixture
def record(host: Host) -> Record:
    """Of a machine whose boot data has brought a key."""
    return Record(host, bring(host))


async def shows(host: Host, key: str) -> bool:
    """Whether the machine still lets itself be known by that key."""
    node = SshTransport(host.endpoint(host_key=key))
    try:
        await node.run("true")
    except HostKeyChanged:
        return False
    finally:
        await node.close()
    return True


OWN = {KEY, f"{KEY}.pub"}
BOTH = OWN | {BOOT_KEY, f"{BOOT_KEY}.pub"}


async def test_the_machine_ends_up_with_a_key_of_its_own(host: Host, record: Record) -> None:
    """That is pinned and used; the one of the boot data is gone, from the disk and from sshd; nothing to tell."""
    boot_key = record.endpoint.options["boot_key"]
    assert await shows(host, boot_key)
    assert await record.meet() == host.host_key
    assert record.pins == [host.host_key]
    assert files(host) == OWN
    assert not await shows(host, boot_key)
    assert await record.meet() == host.host_key
    assert (len(record.pins), record.told) == (1, [])


async def test_only_the_key_of_the_boot_data_is_accepted(host: Host, record: Record) -> None:
    """Whoever cannot show it, own key or not, gets nothing but the refusal; he is waited for as a late boot is."""
    bring(host)
    with pytest.raises(HostKeyChanged, match="is not the one on record") as caught:
        await record.meet(wait=300.0)
    assert "Its boot data did not run, or somebody is in between" in (caught.value.hint or "")
    assert firstcontact.BOOT_DATA <= record.clock.monotonic() < firstcontact.BOOT_DATA + 10
    assert (record.pins, record.told, files(host)) == ([], [], BOTH)


async def test_boot_data_may_come_late(host: Host, record: Record) -> None:
    """Images have sshd listen, with keys of their own, before boot data has run."""
    boot_key = (host.directory / "ssh" / BOOT_KEY).read_bytes()
    bring(host)

    class Late(FakeClock):
        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds)
            if self.monotonic() > 20.0:
                (host.directory / "ssh" / BOOT_KEY).write_bytes(boot_key)
                (host.directory / "ssh" / f"{BOOT_KEY}.pub").write_text(record.endpoint.options["boot_key"])
                host.configure()

    record.clock = Late()
    assert await record.meet() == host.host_key
    assert files(host) == OWN


async def test_one_that_takes_the_machines_place_later_is_refused(host: Host, record: Record) -> None:
    """Also with the key of the boot data, which is good for nothing after the first contact."""
    stolen = (host.directory / "ssh" / BOOT_KEY).read_bytes()
    await record.meet()
    (host.directory / "ssh" / BOOT_KEY).write_bytes(stolen)
    host.change_host_key()
    with pytest.raises(HostKeyChanged):
        await record.meet()
    assert len(record.pins) == 1


async def test_a_machine_without_a_key_of_its_own_makes_one(host: Host, record: Record) -> None:
    """Its sshd takes it up at once."""
    for name in OWN:
        (host.directory / "ssh" / name).unlink()
    host.configure()
    key = await record.meet()
    assert key == host.host_key
    assert (record.pins, files(host), record.told) == ([key], OWN, [])


@contextlib.contextmanager
def owned_by(user: str, *, sudo: bool) -> Iterator[Host]:
    """A host whose image has a user of that name; one who is not root at all where he may not become root."""
    with contextlib.ExitStack() as leaving:
        slot = Slot.take()
        leaving.callback(slot.release)
        slot.set_up()
        host = Host.at(slot, 0, user=user)
        leaving.callback(host.stop)
        host.start()
        if not sudo:
            (host.directory / "programs" / "sudo").unlink()
        bind = "cat /etc/passwd >/tmp/passwd && sed -i 's#^{0}:x:0:0:#{0}:x:4242:4242:#' /tmp/passwd"
        host.run(f"{bind.format(user)} && mount --bind /tmp/passwd /etc/passwd && chown -R 4242 /home/{user}")
        yield host


async def test_a_user_who_may_become_root() -> None:
    """Most images log one in as such a user."""
    if shutil.which("sudo") is None:
        pytest.skip("needs sudo (Debian: sudo)")
    with owned_by("ubuntu", sudo=True) as host:
        host.run("echo 'ubuntu ALL=(ALL) NOPASSWD:ALL' >/tmp/sudoers && chmod 440 /tmp/sudoers")
        host.run("(cat /etc/shadow; echo 'ubuntu:*:19000:0:99999:7:::') >/tmp/shadow && chmod 600 /tmp/shadow")
        host.run("for of in sudoers shadow; do mount --bind /tmp/$of /etc/$of; done; umount /usr/local/sbin")
        record = Record(host, bring(host))
        assert await record.meet() == host.host_key
        assert (files(host), record.told) == (OWN, [])


async def test_a_user_who_is_not_root_and_cannot_become_it() -> None:
    """The machine is known by its own key all the same, and what was left is told."""
    with owned_by("worker", sudo=False) as host:
        record = Record(host, bring(host))
        assert await record.meet() == host.host_key
        assert record.pins == [host.host_key]
        assert files(host) == BOTH
        (sentence,) = record.told
        assert sentence.startswith(firstcontact.LEFT)
        assert "sudo" in sentence


async def test_a_machine_that_has_no_other_key_and_can_have_none() -> None:
    """It stays known by that of its boot data, and that is told."""
    with owned_by("worker", sudo=False) as host:
        record = Record(host, bring(host))
        for name in OWN:
            (host.directory / "ssh" / name).unlink()
        host.configure()
        assert await record.meet() == record.endpoint.options["boot_key"]
        assert record.pins == [record.endpoint.options["boot_key"]]
        assert record.told == [firstcontact.NO_OTHER]


async def test_a_key_of_the_boot_data_where_the_machines_own_would_be(host: Host) -> None:
    """It is no key of its own for that."""
    record = Record(host, host.host_key)
    assert await record.meet() == host.host_key
    assert record.told == [firstcontact.NO_OTHER]
    assert files(host) == OWN


class TestCutShort:
    """Whenever a client is killed, the next one comes to the same end."""

    @pytest.fixture(autouse=True)
    def _dying(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch

    async def _die(self, record: Record, what: Any, name: str) -> None:
        class Killed(BaseException):
            pass

        async def die(*_: Any) -> Any:
            raise Killed

        with self.monkeypatch.context() as patch:
            patch.setattr(what, name, die)
            with pytest.raises(Killed):
                await record.meet()

    async def test_before_the_pin(self, host: Host, record: Record) -> None:
        """The key of the boot data is still there to be met by."""
        await self._die(record, FirstContact, "host_key")
        assert (record.pins, files(host)) == ([], BOTH)
        assert await record.meet() == host.host_key
        assert files(host) == OWN

    async def test_after_the_pin(self, host: Host, record: Record) -> None:
        """What is on record is used, and the other key is taken away then."""
        await self._die(record, firstcontact, "take_away")
        assert (record.pins, files(host)) == ([host.host_key], BOTH)
        assert await record.meet() == host.host_key
        assert (len(record.pins), files(host)) == (1, OWN)

    async def test_in_the_middle_of_taking_it_away(self, host: Host, record: Record) -> None:
        """The public half says that sshd may still have the other in memory."""
        await self._die(record, firstcontact, "take_away")
        (host.directory / "ssh" / BOOT_KEY).unlink()
        assert await record.meet() == host.host_key
        assert files(host) == OWN
        assert not await shows(host, record.endpoint.options["boot_key"])


async def test_another_client_was_quicker(host: Host, record: Record) -> None:
    """What it has put on record meanwhile is looked for before every try."""
    other = Record(host, record.endpoint.options["boot_key"])
    await other.meet()
    record.pins.clear()

    class Shared(FakeClock):
        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds)
            record.pins = other.pins

    record.clock = Shared()
    assert await record.meet() == host.host_key


async def test_two_clients_at_once(host: Host, record: Record) -> None:
    """Both come to know the same key, whoever takes the other away."""
    keys = await asyncio.gather(record.meet(), record.meet())
    assert keys == [host.host_key] * 2
    assert set(record.pins) == {host.host_key}
    assert files(host) == OWN


async def test_a_database_that_was_restored(host: Host, record: Record) -> None:
    """The key of the boot data is long gone: a machine that was up is known by what it shows, and that is told."""
    await record.meet()
    record.pins.clear()
    with pytest.raises(HostKeyChanged):
        await record.meet(wait=0.0)
    assert await record.meet(wait=0.0, lost=True) == host.host_key
    assert record.told == [firstcontact.LOST]


async def test_a_machine_that_is_trusted_this_once(host: Host, record: Record) -> None:
    """Nothing is put on record, and so nothing is taken from it."""
    assert await record.meet(once=True) == host.host_key
    assert (record.pins, files(host)) == ([], BOTH)


async def test_a_machine_that_was_stopped_and_has_another_address(host: Host, record: Record) -> None:
    """It is known by its own key wherever it is; no other is asked for."""
    await record.meet()
    device = host.run("ip -o -4 address show | grep -vw lo | awk '{print $2}'")
    elsewhere = host.address.rpartition(".")[0] + ".222"
    host.run(f"ip address add {elsewhere}/24 dev {device}")
    host.configure(ListenAddress=elsewhere)
    record.endpoint = Endpoint("ssh", {**record.endpoint.options, "host": elsewhere})
    assert await record.meet() == host.host_key
    assert len(record.pins) == 1


def test_the_scripts_are_of_any_shell(tmp_path: Path) -> None:
    """Both parse as what /bin/sh and the strictest shell that is there can run."""
    shells = [shell for shell in ("sh", "dash", "bash", "busybox") if shutil.which(shell)]
    for text in (bootkey._ASK, bootkey._TAKE_AWAY):
        script = tmp_path / "script"
        script.write_text(text)
        for shell in shells:
            argv = [shell, *(["sh"] if shell == "busybox" else []), "-n", str(script)]
            assert subprocess.run(argv, capture_output=True, check=False).stderr == b""


async def test_a_machine_that_is_gone_in_between(host: Host, record: Record) -> None:
    """What is left is told with the reason, and the contact stands."""
    node = record.contact()

    async def gone(_: str) -> Any:
        raise TransportError("the connection broke")

    assert await bootkey.take_away(gone, record.endpoint.options["boot_key"]) == "the connection broke"
    await node.close()
