"""The machines behind the market: each is a real sshd on a port of 127.0.0.1, with a home and a host key of its own.

As root on Linux a machine also has processes, ``/root`` and ``/tmp`` of its own (namespaces), so that machines of one
gang do not meet but over SSH. Else it shares them with whoever runs the server, and only its home is its own.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
ISOLATED = os.geteuid() == 0 and all(map(shutil.which, ("unshare", "mount", "setpriv")))
# A machine ends with the thread that started it, so that a server that is killed leaves none: one thread starts all.
_starter = ThreadPoolExecutor(1, thread_name_prefix="nimbus-hosts")
UP_SECONDS = 20.0
NOTICE = "reclaimed"  # a file in the home of a machine that is about to be taken back
# Only for those that are not isolated: a home of its own for every command, by which its processes are found, too.
# sshd runs this instead of what the line of the user's key in authorized_keys may ask for, so it has to obey that.
_SESSION = r"""#!/bin/sh
export HOME={home}
cd || exit
key=$(sed -n 's/^publickey //p' "$SSH_USER_AUTH")
own=$(grep -F -e "$key" .ssh/authorized_keys | sed -n '1s/^[^"]*command="\(.*\)" [^"]*$/\1/p' | sed 's/\\"/"/g')
command=${{own:-$SSH_ORIGINAL_COMMAND}}
exec sh ${{command:+-c "$command"}}
"""


class Host:
    """One machine, from its first boot to its end. Thread-safe."""

    def __init__(self, root: Path, name: str, authorized_key: str) -> None:
        if SSHD is None:
            raise RuntimeError("nimbus-server needs sshd (Debian: apt-get install openssh-server)")
        self.name = name
        self.user = "root" if ISOLATED else getpass.getuser()
        self.port = 0
        self._directory = root / name
        self._authorized_key = authorized_key
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = threading.Event()

    @property
    def home(self) -> Path:
        """The home of its user, as this machine sees it."""
        return self._directory / "home"

    @property
    def alive(self) -> bool:
        """Whether its sshd runs."""
        return self._process is not None and self._process.poll() is None

    def boot(self) -> None:
        """Bring it up; returns when sshd listens, or when it was ended meanwhile."""
        self._write()
        if not self._ended.is_set():
            self._process = _starter.submit(self._start).result()
        give_up = time.monotonic() + UP_SECONDS
        while not self._ended.is_set() and not _listens(self.port):
            if not self.alive or time.monotonic() > give_up:
                raise RuntimeError(f"sshd of {self.name} did not come up: {(self._directory / 'log').read_text()}")
            time.sleep(0.02)
        if self._ended.is_set():
            self.end()

    def warn(self) -> None:
        """Say on it that it is about to be taken back."""
        (self.home / NOTICE).touch()

    def end(self) -> None:
        """Switch it off and forget its disk; safe to repeat."""
        self._ended.set()
        process = self._process
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if not ISOLATED:
                _kill_marked(f"HOME={self.home}")
        shutil.rmtree(self._directory, ignore_errors=True)

    def _write(self) -> None:
        ssh = self._directory / "ssh"
        keys = self.home / ".ssh"
        for path in (ssh, keys, self._directory / "tmp"):
            path.mkdir(parents=True, exist_ok=True)
        for path in (self.home, keys):
            path.chmod(0o700)
        (self._directory / "tmp").chmod(0o1777)
        (keys / "authorized_keys").write_text(f"{self._authorized_key}\n")
        keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.name, "-f", str(ssh / "hostkey")]
        subprocess.run(keygen, check=True, stdin=subprocess.DEVNULL)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        at = "/etc/ssh" if ISOLATED else str(ssh)
        options = {
            "ListenAddress": "127.0.0.1", "Port": str(self.port), "HostKey": f"{at}/hostkey", "PidFile": "none",
            "AuthorizedKeysFile": "/root/.ssh/authorized_keys" if ISOLATED else str(keys / "authorized_keys"),
            "PasswordAuthentication": "no", "KbdInteractiveAuthentication": "no", "StrictModes": "no",
            "PermitRootLogin": "prohibit-password", "UseDNS": "no", "PrintMotd": "no",
            "Subsystem": "sftp internal-sftp", "MaxStartups": "100:30:200",
        }  # fmt: skip
        if not ISOLATED:
            session = ssh / "session"
            session.write_text(_SESSION.format(home=self.home))
            session.chmod(0o755)
            options |= {"ForceCommand": str(session), "ExposeAuthInfo": "yes"}
        (ssh / "sshd_config").write_text("".join(f"{name} {value}\n" for name, value in options.items()))

    def _start(self) -> subprocess.Popen[bytes]:
        d = self._directory
        argv = [str(SSHD), "-D", "-e", "-f", str(d / "ssh" / "sshd_config")]
        if ISOLATED:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
            mounts = [f"mount --bind {d}/{what} {where}" for what, where in (("ssh", "/etc/ssh"), ("home", "/root"))]
            mounts.append(f"mount --bind {d}/tmp /tmp")  # noqa: S108 - last, for it may hide the others
            script = " && ".join([f"hostname {self.name}", *mounts, "cd /", f"exec {SSHD} -D -e"])
            spaces = ["--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc"]
            argv = ["setpriv", "--pdeathsig", "KILL", "unshare", *spaces, "sh", "-c", script]
        environment = {"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin:/sbin:/bin"}
        with (d / "log").open("ab") as log:
            return subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0, env=environment
            )


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _kill_marked(variable: str) -> None:
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if variable.encode() in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)
