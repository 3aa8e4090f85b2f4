"""The example market in this process, and an installation of Styx that has its plugin."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import threading
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVER = ROOT / "examples" / "plugins" / "nimbus-server"
PLUGIN = ROOT / "examples" / "plugins" / "styx-nimbus"
STYX = "import sys; from styx.cli.main import main; sys.exit(main())"


@contextmanager
def market(**settings: Any) -> Iterator[Any]:
    """A market with quick machines; gives its server, whose ``market`` and ``faults`` tests may change."""
    sys.path.insert(0, str(SERVER))
    try:
        import hosts
        from market import Market
        from server import Server
    finally:
        sys.path.remove(str(SERVER))
    if hosts.SSHD is None:
        pytest.skip("needs sshd (Debian: openssh-server)")
    per_second = settings.pop("per_second", 1000.0)
    place = Market(**{"boot_seconds": 0.05, "delete_seconds": 0.05, **settings})
    server = Server(place, per_second=per_second)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        place.close()


class Workshop:
    """An environment that borrows the libraries of the one that runs the tests, and what is installed in it."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root = root
        venv.create(root / "venv", with_pip=False)
        self.python = root / "venv" / "bin" / "python"
        libraries = Path(sysconfig.get_path("purelib", vars={"base": str(root / "venv")}))
        borrowed = sysconfig.get_path("purelib")
        (libraries / "borrowed.pth").write_text(f"import site; site.addsitedir({borrowed!r})\n")
        self.program(self.python.with_name("styx"), f"#!{self.python}\n{STYX}\n")
        # An author's pip would ask an index; here it must not, and needs not: everything is borrowed.
        self.program(
            self.python.with_name("pip"),
            f'#!/bin/sh\nverb=$1; shift\nexec {sys.executable} -m pip --python {self.python} "$verb" '
            '--quiet --no-deps --no-build-isolation "$@"\n',
        )
        self.environment = {
            "PATH": f"{self.python.parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(home), "NO_COLOR": "1",
            "STYX_HOME": str(home / ".styx"), "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_ROOT_USER_ACTION": "ignore", "PIP_CONFIG_FILE": os.devnull,
        }  # fmt: skip

    @staticmethod
    def program(path: Path, text: str) -> None:
        """Write a program that can be run by its name."""
        path.write_text(text)
        path.chmod(0o755)

    def install(self, package: Path) -> None:
        """Have a package there."""
        done = self.run("pip", "install", "-e", str(package))
        assert done.returncode == 0, done.stderr

    def run(self, *argv: str, cwd: Path | None = None, timeout: float = 100.0) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment."""
        return subprocess.run(
            argv, cwd=cwd or self.root, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=timeout, check=False,
        )  # fmt: skip

    def styx(self, *words: str, status: int = 0) -> str:
        """Run ``styx``, which must end with ``status``; what it wrote, errors last."""
        done = self.run("styx", *words)
        assert done.returncode == status, f"styx {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout + done.stderr
