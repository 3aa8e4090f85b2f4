"""Where the hosts of one run live: a slot, held by a lock.

Directory, bridge, subnet and namespaces are named after the slot, and a lock ends with its process, however that ends:
whatever bears the name of a slot whose lock we get was left by a run that was killed. The lock is an abstract socket's
name, which like that of a bridge is this machine's own, and which nobody can remove.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

SLOTS = 64


def in_namespaces() -> bool:
    """Whether hosts get network namespaces of their own."""
    return os.geteuid() == 0 and all(map(shutil.which, ("ip", "unshare", "nsenter", "mount")))


class Slot:
    """A number that names directory, bridge, subnet and namespaces, ours while we hold the lock."""

    def __init__(self, number: int, lock: socket.socket) -> None:
        self.number = number
        self._lock = lock
        self.directory = _root() / str(number)
        self.bridge = f"styxbr{number}"

    @classmethod
    def take(cls) -> Slot:
        """The first free one. All that are free are cleaned of what killed runs have left."""
        free: list[Slot] = []
        for number in range(SLOTS):
            if free and not (_root() / str(number)).exists():
                continue
            lock = socket.socket(socket.AF_UNIX)
            try:
                lock.bind(f"\0styx-test-hosts-{os.getuid()}-{number}")
            except OSError:
                lock.close()
                continue
            free.append(cls(number, lock))
        for slot in free[1:]:
            slot.release()
        if not free:
            raise RuntimeError(f"all {SLOTS} slots below {_root()} are taken")
        free[0].clean()
        return free[0]

    def set_up(self) -> None:
        """The key, and the bridge where there are namespaces."""
        self.directory.mkdir(mode=0o755)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(self.directory / "id_ed25519"))
        if in_namespaces():
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
            ip("link", "add", self.bridge, "type", "bridge")
            ip("addr", "add", f"{self.address(1)}/24", "dev", self.bridge)
            ip("link", "set", self.bridge, "up")
            self._let_through("-I")

    def connect(self, number: int) -> tuple[str, str]:
        """The name and address of a new network namespace on the bridge."""
        name, address = self.name(number), self.address(number + 11)
        ip("netns", "add", name)
        ip("link", "add", f"v{name}", "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("link", "set", f"v{name}", "master", self.bridge, "up")
        ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
        for device in ("eth0", "lo"):
            ip("-n", name, "link", "set", device, "up")
        return name, address

    def disconnect(self, number: int) -> None:
        """Remove that network namespace; what runs in it must have ended."""
        ip("netns", "del", self.name(number))

    def loopback(self, number: int) -> str:
        """The address of a host without a network of its own."""
        return f"127.0.{self.number + 1}.{number + 11}"

    @property
    def network(self) -> str:
        """All addresses of the slot."""
        return f"{self.address(0)}/24"

    def name(self, number: int) -> str:
        """What the host with this number is called."""
        return f"styx{self.number}n{number}"

    def clean(self) -> None:
        """Remove everything that is named after the slot."""
        for path in self.directory.glob("*/pid"):
            with contextlib.suppress(OSError, ValueError):
                _kill_stale(int(path.read_text()), path.parent)
        if in_namespaces():
            names = [line.split()[0] for line in ip("netns", "list").splitlines() if line.strip()]
            for name in names:
                if name.startswith(self.name(0)[:-1]):
                    for pid in ip("netns", "pids", name).split():
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(int(pid), signal.SIGKILL)
                    ip("netns", "del", name)
            # A namespace lives on while a process in it does, and its end of the cable with it.
            give_up = time.monotonic() + 5
            while cables := list(Path("/sys/class/net").glob(f"v{self.name(0)[:-1]}*")):
                for cable in cables:
                    subprocess.run(["ip", "link", "del", cable.name], capture_output=True, check=False)
                if time.monotonic() > give_up:
                    raise RuntimeError(f"cannot remove {cables}")
                time.sleep(0.01)
            if Path(f"/sys/class/net/{self.bridge}").exists():
                ip("link", "del", self.bridge)
            self._let_through("-D")
        shutil.rmtree(self.directory, ignore_errors=True)

    def release(self) -> None:
        """Clean up and let others have the number."""
        self.clean()
        self._lock.close()

    def address(self, last: int) -> str:
        """An address of the slot's network."""
        return f"198.18.{self.number}.{last}"  # RFC 2544: for tests of network devices, in nobody's use

    def _let_through(self, action: str) -> None:
        # Docker makes the kernel drop what crosses a bridge, unless a rule lets it through.
        if shutil.which("iptables"):
            rule = ["FORWARD", "-i", self.bridge, "-o", self.bridge, "-j", "ACCEPT"]
            subprocess.run(["iptables", action, *rule], capture_output=True, check=False)


def _root() -> Path:
    root = Path(tempfile.gettempdir()) / f"styx-test-hosts-{os.getuid()}"
    root.mkdir(mode=0o755, exist_ok=True)
    return root


def _kill_stale(pid: int, directory: Path) -> None:
    if str(directory) in Path(f"/proc/{pid}/cmdline").read_text():
        os.killpg(pid, signal.SIGKILL)


def run(*argv: str) -> str:
    """What a program prints; it must succeed."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr}")
    return done.stdout


def ip(*words: str) -> str:
    """What ``ip`` prints for these words."""
    return run("ip", *words)
