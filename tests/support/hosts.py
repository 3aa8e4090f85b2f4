"""Real sshd hosts for tests, each a machine as far as SSH can tell.

With root and ``ip netns``: network namespaces on a bridge, each with its own address, sshd on port 22, host key,
hostname, processes, ``/root`` and ``/tmp``; the rest of the file system is shared. Else sshd processes of the present
user on loopback addresses, each with its own port, host key and home. Else the test is skipped, with the reason.

Runs side by side do not meet, and what a killed run has left is removed by the next one: see ``host_slots``.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from styx.api import Endpoint
from support.host_slots import Slot, in_namespaces, ip, run

SSHD = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
PATIENCE = 10.0  # seconds for a host to come up or go down


def unavailable() -> str | None:
    """Why there can be no hosts here, or None."""
    if not in_namespaces() and pwd.getpwuid(os.getuid()).pw_shell.endswith(("nologin", "false")):
        return "the present user has no shell to log in with"
    missing = [name for name, path in (("sshd", SSHD), ("ssh-keygen", shutil.which("ssh-keygen"))) if not path]
    return f"needs {' and '.join(missing)} (Debian: openssh-server, openssh-client)" if missing else None


@dataclass
class Host:
    """One host. ``home`` is its user's home directory as this machine sees it; ``identity_file`` lets us in."""

    name: str
    address: str
    port: int
    user: str
    identity_file: str
    directory: Path
    isolated: bool
    options: dict[str, str] = field(default_factory=dict)
    shares: bool = False  # processes and /tmp with all other hosts that do, though it has a network of its own
    _process: subprocess.Popen[bytes] | None = None

    @property
    def home(self) -> Path:
        """The home of the host's user."""
        return self.directory / "home"

    @property
    def host_key(self) -> str:
        """The host's public key, as one OpenSSH line."""
        return " ".join((self.directory / "ssh" / "hostkey.pub").read_text().split()[:2])

    @property
    def log(self) -> str:
        """What sshd has said so far."""
        return (self.directory / "log").read_text(errors="replace")

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
        environment = {"PATH": os.environ.get("PATH", "") + ":/usr/bin:/bin", "HOME": str(self.home)}
        argv = ["sh", "-c", f"cd && {command}"]
        if self.isolated:
            environment["HOME"] = "/root"
            argv = ["nsenter", "-t", str(self._sshd()), "-m", "-u", "-n", "-p", *argv]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=timeout, check=False)
        assert done.returncode == 0, f"{command!r} on {self.name}: {done.returncode} {done.stdout}{done.stderr}"
        return done.stdout.rstrip("\n")

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
        self._new_key()
        self._reload()

    def cut(self) -> None:
        """Nothing gets through any more; open connections hang, as when a cable is pulled."""
        if self.isolated:
            ip("link", "set", f"v{self.name}", "down")
        else:
            for pid in self._family():
                os.kill(pid, signal.SIGSTOP)

    def restore(self) -> None:
        """Undo :meth:`cut`."""
        if self.isolated:
            ip("link", "set", f"v{self.name}", "up")
        else:
            for pid in self._family():
                os.kill(pid, signal.SIGCONT)

    def reboot(self) -> None:
        """Kill everything that runs on the host and bring it up again; the disk stays."""
        self.stop()
        self.start()

    def start(self) -> None:
        """Boot."""
        (self.directory / "ssh").mkdir(parents=True, exist_ok=True)
        self.home.mkdir(mode=0o700, exist_ok=True)
        (self.directory / "tmp").mkdir(exist_ok=True)
        (self.directory / "tmp").chmod(0o1777)
        if not (self.directory / "ssh" / "hostkey").exists():
            self._new_key()
        self._write_config()
        assert SSHD is not None
        argv = [SSHD, "-D", "-e", "-f", str(self.directory / "ssh" / "sshd_config")]
        if self.isolated:
            d = self.directory
            mounts = [f"{d}/ssh /etc/ssh", f"{d}/home /root"]
            spaces = ["unshare", "--uts", "--mount"]
            if not self.shares:
                mounts.append(f"{d}/tmp /tmp")  # last: it may hide the others
                spaces += ["--pid", "--fork", "--kill-child", "--mount-proc"]
            steps = [f"hostname {self.name}", *(f"mount --bind {m}" for m in mounts), "cd /", f"exec {SSHD} -D -e"]
            argv = ["ip", "netns", "exec", self.name, *spaces, "sh", "-c", " && ".join(steps)]
        heard = self._listening()
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0)
        (self.directory / "pid").write_text(str(self._process.pid))
        self._wait(heard)

    def stop(self) -> None:
        """Switch off."""
        if self._process is not None:
            family = self._family() if self._process.poll() is None else []
            for pid in family:  # the first process of a namespace takes all others with it, and unshare then ends
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

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
        found = _children(self._process.pid) if self.isolated and not self.shares else [self._process.pid]
        for pid in found:
            found += [child for child in _children(pid) if _name(child).startswith("sshd")]
        return found

    def _new_key(self) -> None:
        key = self.directory / "ssh" / "hostkey"
        for path in (key, key.with_suffix(".pub")):
            path.unlink(missing_ok=True)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.name, "-f", str(key))

    def _write_config(self) -> None:
        place = "/etc/ssh" if self.isolated else str(self.directory / "ssh")
        home = "/root" if self.isolated else str(self.home)
        defaults = {
            "Port": str(self.port), "ListenAddress": self.address, "HostKey": f"{place}/hostkey", "PidFile": "none",
            "AuthorizedKeysFile": f"{place}/authorized_keys {home}/.ssh/authorized_keys", "StrictModes": "no",
            "PasswordAuthentication": "no", "KbdInteractiveAuthentication": "no",
            "PermitRootLogin": "prohibit-password", "UseDNS": "no", "MaxStartups": "200:30:400",
            "PrintMotd": "no", "PrintLastLog": "no", "Subsystem": f"sftp {_sftp_server()}",
        }  # fmt: skip
        if not self.isolated:
            defaults["ForceCommand"] = str(self.directory / "ssh" / "session")
            script = f'export HOME={self.home}; cd; exec sh ${{SSH_ORIGINAL_COMMAND:+-c "$SSH_ORIGINAL_COMMAND"}}\n'
            session = self.directory / "ssh" / "session"
            session.write_text(f"#!/bin/sh\n{script}")
            session.chmod(0o755)
        public = Path(f"{self.identity_file}.pub").read_text()
        (self.directory / "ssh" / "authorized_keys").write_text(public)
        lines = [f"{name} {value}\n" for name, value in (defaults | self.options).items()]
        (self.directory / "ssh" / "sshd_config").write_text("".join(lines))


class Hosts:
    """``with Hosts(3) as hosts:`` three hosts that reach each other; skips the test where there can be none."""

    def __init__(self, count: int = 2, *, shares: bool = False, **options: str) -> None:
        self.count = count
        self.shares = shares
        self.options = options
        self._slot: Slot | None = None
        self._hosts: list[Host] = []

    def __enter__(self) -> list[Host]:
        if reason := unavailable():
            pytest.skip(reason)
        self._slot = slot = Slot.take()
        try:
            slot.set_up()
            for number in range(self.count):
                host = self._make(slot, number)
                self._hosts.append(host)
                host.start()
        except BaseException:
            self.__exit__()
            raise
        return self._hosts

    def __exit__(self, *_: object) -> None:
        try:
            for host in self._hosts:
                host.stop()
        finally:
            if self._slot is not None:
                self._slot.release()

    def _make(self, slot: Slot, number: int) -> Host:
        directory = slot.directory / slot.name(number)
        directory.mkdir()
        identity, options = str(slot.directory / "id_ed25519"), dict(self.options)
        if in_namespaces():
            name, address = slot.connect(number)
            return Host(name, address, 22, "root", identity, directory, True, options, self.shares)
        address = f"127.0.{slot.number + 1}.{number + 11}"
        with socket.socket() as probe:
            probe.bind((address, 0))
            port = int(probe.getsockname()[1])
        return Host(slot.name(number), address, port, getpass.getuser(), identity, directory, False, options, True)


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


def _sftp_server() -> str:
    places = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server")
    return next((place for place in places if Path(place).exists()), "internal-sftp")
