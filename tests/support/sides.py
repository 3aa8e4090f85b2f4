"""Two installations: one whose engine runs in the client's own process, and one that a server has, asked over HTTP.

Everything runs on this machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from styx.client import connect
from styx.client.login import TOKEN_VARIABLE, URL_VARIABLE
from styx.client.protocol import Client

PATIENCE = 60.0
PROGRAMS = Path(sys.executable).parent
SETTINGS = "allowed_clouds: [local]\nplugins: {}\njobs: {pools: {shut: 0}}\n"


@dataclass(frozen=True)
class Side:
    """One installation: the home of its records, and what a client of it has in its environment."""

    name: str
    home: Path
    environment: Mapping[str, str]

    @contextmanager
    def client(self) -> Iterator[Client]:
        """A client, in this process."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            client = connect()
            try:
                yield client
            finally:
                client.close()

    def styx(self, *arguments: str, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """The program, run to its end."""
        return subprocess.run(
            [str(PROGRAMS / "styx"), *arguments],
            cwd=cwd,
            env={**os.environ, **self.environment},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    @contextmanager
    def started(self, *arguments: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
        """The program at work, killed at the end if it has not ended by itself."""
        process = subprocess.Popen(
            [str(PROGRAMS / "styx"), *arguments],
            cwd=cwd,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


def make_home(root: Path, name: str) -> Path:
    """A home below a directory, with settings that leave the clouds of others alone."""
    home = root / name / ".styx"
    home.mkdir(parents=True, mode=0o700)
    (home / "config.yaml").write_text(SETTINGS)
    return home


@contextmanager
def serving(home: Path, port: int = 0) -> Iterator[dict[str, str]]:
    """A server of this home, and what a client needs to be one of its; killed, at the end, as far as it still lives."""
    log, said = home / "server.log", home / "server.json"
    said.unlink(missing_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(PROGRAMS / "styx-server"), "--port", str(port), "--home", str(home)], stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while not said.exists():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        server = json.loads(said.read_text())
        yield {URL_VARIABLE: server["url"], TOKEN_VARIABLE: server["token"]}
    finally:
        process.kill()
        process.wait(timeout=PATIENCE)
