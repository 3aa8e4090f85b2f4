"""A machine in its first boot, for scripts that run then: its own processes, /run, uptime, and a shutdown that tells.

Namespaces of this machine. What runs in them has no way to the real ``shutdown``, and ends with the test however that
ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Self

import pytest

PROGRAMS = ("cat", "chmod", "id", "kill", "ls", "mkdir", "mv", "rm", "setsid", "sh", "stat", "touch", "ln")
BOOT = """
mount --make-rprivate / && mount -t tmpfs tmpfs /run && mount --bind {root}/uptime /proc/uptime &&
mount --bind {shell} /bin/sh && echo up && while :; do {sleep} 0.02; done
"""


class Booting:
    """``with Booting(tmp_path) as machine:`` a machine that has just booted; skips the test where there can be none.

    ``shell`` is the program that is its ``/bin/sh``.
    """

    def __init__(self, root: Path, shell: str = "sh") -> None:
        self.root = root
        self._shell = shell
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        found = {name: shutil.which(name) for name in (*PROGRAMS, "unshare", "nsenter", "mount")}
        missing = [name for name, path in found.items() if path is None]
        if os.geteuid() != 0 or missing:
            pytest.skip(f"needs {', '.join(missing) or 'root'}")
        bin_ = self.root / "bin"
        bin_.mkdir()
        for name in PROGRAMS:
            (bin_ / name).symlink_to(str(found[name]))
        # Neither sleeping nor the kernel's clock takes real time: the test says what time it is.
        self.program("sleep", f"exec {shutil.which('sleep')} 0.02")
        self.program("shutdown", f'echo "$@" >>{self.root}/ended')
        self.uptime(10)
        shell = shutil.which(self._shell)
        if shell is None:
            pytest.skip(f"there is no {self._shell} here")
        boot = BOOT.format(root=self.root, sleep=shutil.which("sleep"), shell=shell)
        spaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        self._process = subprocess.Popen([*spaces, "sh", "-c", boot], stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"up\n"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def program(self, name: str, text: str) -> None:
        """Put a program of our own on the machine's PATH, or another in its place."""
        path = self.root / "bin" / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def uptime(self, seconds: float) -> None:
        """Say how long the machine has been up."""
        (self.root / "uptime").write_text(f"{seconds:.2f} 0.00\n")  # in place: it is mounted

    def run(self, command: str, *, end: int = signal.SIGKILL) -> str:
        """What a command prints there; it must succeed. What it leaves in its process group then gets ``end``."""
        assert self._process is not None
        (inside,) = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        with subprocess.Popen(
            [str(shutil.which("nsenter")), "-t", inside, "-m", "-p", "/bin/sh", "-c", command],
            env={"PATH": f"{self.root}/bin"}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            start_new_session=True,
        ) as process:  # fmt: skip
            out, _ = process.communicate(timeout=30)
            assert process.returncode == 0, f"{command!r}: {process.returncode} {out}"
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, end)
        return out

    @property
    def ended(self) -> list[str]:
        """The arguments of each call of ``shutdown`` so far."""
        path = self.root / "ended"
        return path.read_text().splitlines() if path.exists() else []
