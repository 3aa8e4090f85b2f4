"""The machine behind each instance: a real host, whose first boot runs the user data as cloud-init would."""

from __future__ import annotations

import base64
import contextlib
import getpass
import gzip
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from styx.testing.hosts import Host, Slot, in_namespaces
from styx.testing.hosts.slots import ip
from styx_aws.testbed import mountpoint
from styx_aws.testbed.metadata import Metadata
from styx_aws.testbed.security import groups_of, lets_in

if TYPE_CHECKING:
    from styx_aws.testbed.bed import Bed

USER = "ubuntu"
_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
LOOPBACK_PORT = 2222  # of all hosts that have no network of their own: each has an address
_AT_ONCE = 8  # boots


class Machine:
    """One instance's. ``number`` is that of its network, another one after each boot."""

    def __init__(self, host: Host, number: int) -> None:
        self.host = host
        self.number: int | None = number
        self.private_ip = ""
        self.metadata: Metadata | None = None
        self.console = host.directory / "console"
        self.first_boot: subprocess.Popen[bytes] | None = None  # of the user data
        self.barred: set[str] = set()  # addresses whose packets it does not answer


class Machines:
    """All of a testbed's. Their ends come from threads; those take the testbed's lock."""

    def __init__(self, bed: Bed) -> None:
        self._bed = bed
        self._slot = Slot.take()
        self._slot.set_up()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="testbed")
        self._lock = threading.Lock()
        self._machines: dict[str, Machine] = {}
        self._numbers: set[int] = set()
        self._next = 0
        self.isolated = in_namespaces()
        self.port = 22 if self.isolated else LOOPBACK_PORT
        self.client = self.server = "127.0.0.1"  # where clients are seen from, and where hosts find the testbed
        if self.isolated:
            self.client, self.server = (self._slot.address(last) for last in (1, 2))
            ip("addr", "add", f"{self.server}/32", "dev", self._slot.bridge)

    @property
    def user(self) -> str:
        """Who logs in where it is not who logs in to the image."""
        return "" if self.isolated else getpass.getuser()

    @property
    def directory(self) -> Path:
        """Where their disks are, as long as they are there."""
        return self._slot.directory

    def boot(self, instance: Any, ready: Callable[[str], None]) -> None:
        """Switch the instance's machine on; ``ready`` is told its public address, with the testbed's lock held."""
        if not self.isolated:  # nobody has put the key there that boot data bring
            instance.ec2_backend.delete_tag_keys([instance.id], ["styx-boot-key"])

        def work() -> None:
            machine = self._on(instance)
            with self._bed.lock:
                ready(machine.host.address)
                self._admit()

        self._pool.submit(work)

    def halt(self, instance: Any, done: Callable[[], None], *, forget: bool) -> None:
        """Switch it off, and ``forget`` its disk; ``done`` is called with the testbed's lock held."""

        def work() -> None:
            if machine := self._machines.get(instance.id):
                self._off(machine)
                if forget:
                    self._machines.pop(instance.id, None)
                    subprocess.run(["rm", "-rf", str(machine.host.directory)], check=False)
            with self._bed.lock:
                done()

        self._pool.submit(work)

    def console(self, instance_id: str) -> str:
        """What it has written at boot."""
        machine = self._machines.get(instance_id)
        with contextlib.suppress(FileNotFoundError):
            return machine.console.read_text(errors="replace") if machine is not None else ""
        return ""

    def host(self, instance_id: str) -> Host:
        """The host of an instance. Raises KeyError."""
        return self._machines[instance_id].host

    def running(self) -> list[str]:
        """The instances whose hosts are on."""
        return sorted(id_ for id_, machine in self._machines.items() if machine.host.on)

    def admit(self) -> None:
        """Have every host answer those whom its security groups let in, and nobody else."""
        with self._bed.lock:
            self._admit()

    def move(self, last: int) -> None:
        """Be seen from another address, as a laptop in another network is."""
        self.client = self._slot.address(last)
        ip("addr", "replace", f"{self.client}/32", "dev", self._slot.bridge)
        ip("route", "replace", self._slot.network, "dev", self._slot.bridge, "src", self.client)
        self.admit()

    def close(self) -> None:
        """End all hosts and forget their disks."""
        self._pool.shutdown(cancel_futures=True)
        for machine in list(self._machines.values()):
            self._off(machine)
        self._slot.release()

    def _on(self, instance: Any) -> Machine:
        machine, first = self._machines.get(instance.id), False
        if machine is None:
            number, first = self._number(), True
            options = {"ListenAddress": "0.0.0.0"} if self.isolated else {}  # noqa: S104 - the private address, too
            host = Host.at(
                self._slot, number, name=instance.id, user=USER, port=LOOPBACK_PORT, identity=False, options=options
            )
            machine = self._machines[instance.id] = Machine(host, number)
        elif machine.number is None:
            machine.number = self._number()
            if self.isolated:
                machine.host.network, machine.host.address = self._slot.connect(machine.number)
            else:
                machine.host.address = self._slot.loopback(machine.number)
        machine.host.on_shutdown = lambda _: self._shut_down(instance)
        machine.host.start()
        mountpoint.provide(machine.host.directory / "programs")
        self._connect(machine, instance)
        if first:
            self._first_boot(machine, instance)
        return machine

    def _off(self, machine: Machine) -> None:
        if machine.metadata is not None:
            machine.metadata.close()
            machine.metadata = None
        machine.host.stop()
        if machine.first_boot is not None:
            machine.first_boot.kill()
            machine.first_boot.wait()
            machine.first_boot = None
        machine.barred = set()
        number, machine.number = machine.number, None
        if number is not None:
            if self.isolated:
                self._slot.disconnect(number)
            with self._lock:
                self._numbers.discard(number)

    def _shut_down(self, instance: Any) -> None:
        with self._bed.lock:
            self._bed.life.shut_down(instance)

    def _number(self) -> int:
        """That of a network which is free, and not the one that was free last."""
        with self._lock:
            while self._next % 230 in self._numbers:
                self._next += 1
            number = self._next % 230
            self._next += 1
            self._numbers.add(number)
            return number

    def _connect(self, machine: Machine, instance: Any) -> None:
        nic = instance.nics[0]
        if not self.isolated:
            nic.private_ip_address = machine.host.address
            return
        with self._bed.lock:  # another region or account may have the same network
            taken = {other.private_ip for other in self._machines.values() if other is not machine}
            while nic.private_ip_address in taken:
                nic.private_ip_address = nic.subnet.get_available_subnet_ip(instance)
            machine.private_ip = nic.private_ip_address
        here = ("-n", machine.host.network)
        ip(*here, "addr", "add", f"{machine.private_ip}/32", "dev", "eth0")
        for network in _PRIVATE:
            ip(*here, "route", "add", network, "dev", "eth0", "src", machine.private_ip)
        machine.metadata = Metadata(self._bed, instance, machine.host.network)

    def _first_boot(self, machine: Machine, instance: Any) -> None:
        host = machine.host
        keys = host.home / ".ssh"
        keys.mkdir(mode=0o700, exist_ok=True)
        pair = instance.ec2_backend.key_pairs.get(instance.key_name)
        (keys / "authorized_keys").write_text(f"{pair.public_key}\n" if pair is not None else "")
        data = _user_data(instance)
        if not host.isolated or not data.startswith(b"#!"):
            return  # of this machine nothing must be changed; and what else cloud-init knows is not asked for
        script = host.directory / "tmp" / "part-001"
        script.write_bytes(data)
        script.chmod(0o700)
        with machine.console.open("ab") as console:
            machine.first_boot = subprocess.Popen(
                host.argv("/tmp/part-001"),  # noqa: S108 - the host's own
                env=host.environment(), stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT,
                process_group=0, cwd="/",
            )  # fmt: skip

    def _admit(self) -> None:
        if not self.isolated:
            return
        instances = {instance.id: instance for instance in self._bed.instances()}
        machines = {id_: machine for id_, machine in self._machines.items() if machine.host.on and id_ in instances}
        for id_, machine in machines.items():
            barred = set() if lets_in(instances[id_], self.client) else {self.client}
            for other_id, other in machines.items():
                groups = groups_of(instances[other_id])
                for address in (other.host.address, other.private_ip):
                    if other_id != id_ and address and not lets_in(instances[id_], address, groups):
                        barred.add(address)
            self._bar(machine, barred)

    @staticmethod
    def _bar(machine: Machine, barred: set[str]) -> None:
        for action, addresses in (("add", barred - machine.barred), ("del", machine.barred - barred)):
            for address in addresses:
                # The host may have just ended.
                with contextlib.suppress(RuntimeError):
                    ip("-n", machine.host.network, "route", action, "prohibit", f"{address}/32")
        machine.barred = barred


def _user_data(instance: Any) -> bytes:
    content = base64.b64decode(str(instance.user_data or ""))
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
