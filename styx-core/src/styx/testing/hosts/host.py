"""One host: a machine as far as SSH can tell, that boots, runs and is switched off."""

from __future__ import annotations

import contextlib
import getpass
import os
import pwd
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from styx.api import Endpoint
from styx.testing.hosts import programs, sshd
from styx.testing.hosts.slots import Slot, in_namespaces, ip
from styx.testing.hosts.sshd import SSHD
from styx.testing.processes import kill_marked

PATIENCE = 10.0  # seconds for a host to come up or go down
_FORWARDING = "3"  # of a bridge's port, as the kernel has it


def unavailable() -> str | None:
    """Why there can be no hosts here, or None."""
    if not in_namespaces() and pwd.getpwuid(os.getuid()).pw_shell.endswith(("nologin", "false")):
        return "the present user has no shell to log in with"
    missing = [name for name, path in (("sshd", SSHD), ("ssh-keygen", shutil.which("ssh-keygen"))) if not path]
    return f"needs {' and '.join(missing)} (Debian: openssh-server, openssh-client)" if missing else None


@dataclass
class Host:
    """One host. ``identity_file`` lets us in; empty where only what the host itself is told does.

    ``user`` is who logs in. An isolated host that is told another than root gets one, with a home of its own, who is
    root by another name. ``network`` names the network namespace, which may be another after each :meth:`stop`.
    """

    name: str
    network: str
    address: str
    port: int
    user: str
    identity_file: str
    directory: Path
    isolated: bool
    options: dict[str, str] = field(default_factory=dict)
    shares: bool = False  # processes and /tmp with all other hosts that do, though it has a network of its own
    on_shutdown: Callable[[Host], None] | None = None  # called from a thread when the host has switched itself off
    _process: subprocess.Popen[bytes] | None = None

    @classmethod
    def at(
        cls, slot: Slot, number: int, *, name: str = "", user: str = "", port: int = 0, identity: bool = True,
        options: dict[str, str] | None = None, shares: bool = False,
    ) -> Host:  # fmt: skip
        """A new host in the slot, switched off. ``user`` and ``port`` are asked for and may be others: see the fields.

        Hosts on loopback addresses belong to the present user and get a free port, unless one is named.
        """
        directory = slot.directory / (name or slot.name(number))
        directory.mkdir()
        key = str(slot.directory / "id_ed25519") if identity else ""
        if in_namespaces():
            network, address = slot.connect(number)
            return cls(
                name or network, network, address, 22, user or "root", key, directory, True, options or {}, shares
            )
        address = slot.loopback(number)
        if not port:
            with socket.socket() as probe:
                probe.bind((address, 0))
                port = int(probe.getsockname()[1])
        return cls(name or slot.name(number), "", address, port, getpass.getuser(), key, directory, False,
                   options or {}, True)  # fmt: skip

    @property
    def home(self) -> Path:
        """The home of the host's user, as this machine sees it."""
        return self.directory / ("home" if self.user == "root" or not self.isolated else f"homes/{self.user}")

    @property
    def host_key(self) -> str:
        """The host's public key, as one OpenSSH line."""
        return " ".join((self.directory / "ssh" / f"{sshd.KEY}.pub").read_text().split()[:2])

    @property
    def log(self) -> str:
        """What sshd has said so far."""
        return (self.directory / "log").read_text(errors="replace")

    @property
    def on(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def endpoint(self, **options: str) -> Endpoint:
        """How core reaches the host; ``options`` override."""
        known = {"host": self.address, "port": str(self.port), "user": self.user}
        return Endpoint("ssh", known | {"identity_file": self.identity_file, "host_key": self.host_key} | options)

    def entry(self, **more: object) -> dict[str, object]:
        """The host as ``clouds.ssh.pools.NAME.hosts`` in config.yaml lists it; ``more`` overrides."""
        known: dict[str, object] = {"host": self.address, "port": self.port, "user": self.user}
        return known | {"identity_file": self.identity_file} | more

    def run(self, command: str, timeout: float = 30.0) -> str:
        """What a shell command prints on the host, reached not over the network but from beneath; must succeed."""
        done = subprocess.run(
            self.argv("sh", "-c", f"cd && {command}"), env=self.environment(), capture_output=True, text=True,
            timeout=timeout, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command!r} on {self.name}: {done.returncode} {done.stdout}{done.stderr}"
        return done.stdout.rstrip("\n")

    def argv(self, *program: str) -> list[str]:
        """How this machine starts a program on the host, which must be on."""
        if not self.isolated:
            return list(program)
        return ["nsenter", "-t", str(self._sshd()), "-m", "-u", "-n", "-p", *program]

    def environment(self) -> dict[str, str]:
        """What a program finds that is started so."""
        return sshd.environment(str(self.home) if not self.isolated else "/root")

    def processes(self) -> list[str]:
        """The command lines of everything that runs on the host, sshd and its sessions left out (namespaces only)."""
        assert not self.shares, "processes of hosts that share them cannot be told apart"
        lines = self.run("ps -e -o args=").splitlines()
        ours = ("sshd", "ps -e", "sh -c cd && ps", f"{SSHD} ")
        return [line for line in lines if not line.startswith(ours)]

    def configure(self, **options: str) -> None:
        """Set sshd options, like ``AllowStreamLocalForwarding="no"``; connections that are open keep the old ones."""
        self.options.update(options)
        self._write_config()
        self._reload()

    def change_host_key(self) -> None:
        """Show another host key from now on, as after a reinstallation."""
        sshd.new_key(self.directory / "ssh", self.name)
        self._reload()

    def cut(self) -> None:
        """Nothing gets through any more; open connections hang, as when a cable is pulled."""
        if self.isolated:
            ip("link", "set", f"v{self.network}", "down")
        else:
            for pid in self._family():
                os.kill(pid, signal.SIGSTOP)

    def restore(self) -> None:
        """Undo :meth:`cut`."""
        if self.isolated:
            ip("link", "set", f"v{self.network}", "up")
            port = Path(f"/sys/class/net/v{self.network}/brport/state")
            _until(lambda: port.read_text().strip() == _FORWARDING, f"the cable of {self.name}")
            ip("neigh", "flush", "to", self.address)  # that nobody was found there
        else:
            for pid in self._family():
                os.kill(pid, signal.SIGCONT)

    def reboot(self) -> None:
        """Kill everything that runs on the host and bring it up again; the disk stays."""
        self.stop()
        self.start()

    def start(self) -> None:
        """Boot."""
        for name in ("ssh", "home", "tmp", *(("homes", f"homes/{self.user}") if self.user != "root" else ())):
            (self.directory / name).mkdir(exist_ok=True)
        self.home.chmod(0o700)
        (self.directory / "tmp").chmod(0o1777)
        if not (self.directory / "ssh" / sshd.KEY).exists():
            sshd.new_key(self.directory / "ssh", self.name)
        self._write_config()
        argv = self._in_namespaces() if self.isolated else [f"{SSHD}", "-D", "-e", "-f", f"{self._ssh}/sshd_config"]
        heard = self._listening()
        with (self.directory / "log").open("ab") as log:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0)
        self._process = process
        (self.directory / "pid").write_text(str(process.pid))
        self._wait(heard)
        if self.on_shutdown is not None:
            threading.Thread(target=self._tell_the_end, args=(process,), daemon=True).start()

    def stop(self) -> None:
        """Switch off."""
        process, self._process = self._process, None
        if process is None:
            return
        family = self._family_of(process) if process.poll() is None else []
        for pid in family:  # the first process of a namespace takes all others with it, and unshare then ends
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if not self.isolated:
            kill_marked([f"HOME={self.home}"])

    def _tell_the_end(self, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        if self._process is process and self.on_shutdown is not None:
            self.on_shutdown(self)

    def _in_namespaces(self) -> list[str]:
        d, spaces = self.directory, ["unshare", "--uts", "--mount"]
        mounts = [f"{d}/ssh /etc/ssh", f"{d}/home /root", *programs.mounts(d / "programs")]
        if self.user != "root":
            known = Path("/etc/passwd").read_text()
            (d / "passwd").write_text(f"{known}{self.user}:x:0:0::/home/{self.user}:/bin/bash\n")
            mounts += [f"{d}/passwd /etc/passwd", f"{d}/homes /home"]
        if not self.shares:
            mounts.append(f"{d}/tmp /tmp")  # last: it may hide the others
            spaces += ["--pid", "--fork", "--kill-child", "--mount-proc"]
        steps = [f"hostname {self.name}", *_own_run(d), *(f"mount --bind {m}" for m in mounts), "cd /"]
        script = " && ".join([*steps, f"exec {SSHD} -D -e"])
        return ["ip", "netns", "exec", self.network, *spaces, "sh", "-c", script]

    def _reload(self) -> None:
        heard = self._listening()
        os.kill(self._sshd(), signal.SIGHUP)
        self._wait(heard)

    def _listening(self) -> int:
        with contextlib.suppress(FileNotFoundError):
            return self.log.count("Server listening")
        return 0

    def _wait(self, heard: int) -> None:
        process = self._process
        assert process is not None
        _until(lambda: self._listening() > heard or process.poll() is not None, f"sshd of {self.name} to come up")
        if process.poll() is not None:
            raise RuntimeError(f"sshd of {self.name} did not come up: {self.log}")

    def _sshd(self) -> int:
        assert self._process is not None, f"{self.name} is switched off"
        return _children(self._process.pid)[0] if self.isolated and not self.shares else self._process.pid

    def _family(self) -> list[int]:
        """The process ids of sshd and its connections."""
        assert self._process is not None
        return self._family_of(self._process)

    def _family_of(self, process: subprocess.Popen[bytes]) -> list[int]:
        found = _children(process.pid) if self.isolated and not self.shares else [process.pid]
        for pid in found:
            found += [child for child in _children(pid) if _name(child).startswith("sshd")]
        return found

    @property
    def _ssh(self) -> str:
        """Where the host finds its settings of SSH."""
        return "/etc/ssh" if self.isolated else str(self.directory / "ssh")

    def _write_config(self) -> None:
        directory, home = self.directory / "ssh", str(self.home)
        pid = "/run/sshd.pid" if self.isolated else f"{self._ssh}/sshd.pid"
        programs.write(self.directory / "programs", pid, sudo=self.isolated and self.user != "root")
        more = {"Port": str(self.port), "ListenAddress": self.address, "PidFile": pid}
        if self.isolated:
            home = "/root" if self.user == "root" else f"/home/{self.user}"
        else:
            more |= sshd.write_session(directory, self.home, self.directory / "programs")
        public = Path(f"{self.identity_file}.pub").read_text() if self.identity_file else ""
        (directory / "authorized_keys").write_text(public)
        sshd.write_config(directory, self._ssh, home, more | self.options)


def _own_run(directory: Path) -> list[str]:
    """A ``/run`` that ends with the host; of this machine's it sees Docker alone."""
    socket_file, kept = "/run/docker.sock", directory / "docker.sock"
    return [
        f"{{ [ ! -S {socket_file} ] || {{ touch {kept} && mount --bind {socket_file} {kept}; }}; }}",
        "mount -t tmpfs -o mode=755 tmpfs /run", "mkdir -m 755 /run/sshd",
        f"{{ [ ! -S {kept} ] || {{ touch {socket_file} && mount --bind {kept} {socket_file}; }}; }}",
    ]  # fmt: skip


def _until(true: Callable[[], bool], what: str) -> None:
    give_up = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > give_up:
            raise RuntimeError(f"waited {PATIENCE:g} s in vain for {what}")
        time.sleep(0.005)


def _children(pid: int) -> list[int]:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []  # it has just ended


def _name(pid: int) -> str:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/comm").read_text()
    return ""
