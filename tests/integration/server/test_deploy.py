"""``styx api deploy`` onto a real host: a server that is reached, restarted, upgraded, and gone at the end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from styx.testing.hosts import Host
from support import server_wheels

PORT = 8443
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
Styx = Callable[..., str]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that the server needs: hosts of tests reach no index."""
    return server_wheels.build(tmp_path_factory.mktemp("wheels"))


@pytest.fixture
def styx(host: Host, styx_home: Path) -> Styx:
    """Runs the command line, with the host in the pool ``lab``."""
    if not host.isolated:
        pytest.skip("on a loopback host the server would be at an address of this machine")
    styx_home.mkdir()
    pools = {"lab": {"hosts": [host.entry()]}}
    (styx_home / "config.yaml").write_text(json.dumps({"clouds": {"ssh": {"pools": pools}}}))

    def run(*words: str, tries: int = 1) -> str:
        argv = [str(Path(sys.executable).with_name("styx")), *words]
        for _ in range(tries):  # each of them tries for some seconds itself
            done = subprocess.run(
                argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200, check=False
            )
            if done.returncode == 0:
                break
        assert done.returncode == 0, f"styx {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    return run


def test_a_server_on_a_host(styx: Styx, host: Host, wheels: Path, styx_home: Path) -> None:
    """It works for who deployed it, comes back when it is killed and when it is upgraded, and goes with its node.

    Its records are where its secrets say, which nobody but the server is told.
    """
    secret = styx_home / "server.env"
    secret.write_text(f"STYX_DATABASE_URL=sqlite:///{host.run('echo $HOME').strip()}/secret.db\n")
    deploy = ("api", "deploy", "-y", "--infra", "ssh/lab", "--port", str(PORT), "--user", "ann", "-o", "json")
    own = ("--wheels", str(wheels), "--no-index", "--plugin", "styx-core", "--secret-file", str(secret))
    first = json.loads(styx(*deploy, *own))
    assert (first["url"], first["user"]) == (f"https://{host.address}:{PORT}", "ann")
    output = styx("jobs", "launch", "-y", "-n", "where", "--infra", "local", "--", "hostname")
    assert host.run("hostname") in output
    host.run("test -e ~/secret.db && ! test -e ~/.styx-server/home/state.db")
    before = (styx_home / "api.json").read_text()
    (server,) = host.run("pgrep -f current/bin/[s]tyx-server").split()
    host.run(f"kill -9 {server}")
    assert json.loads(styx("api", "info", "-o", "json", tries=10))["user"] == "ann"
    assert json.loads(styx(*deploy, *own)) == first
    assert (styx_home / "api.json").read_text() == before
    assert json.loads(styx("jobs", "queue", "-o", "json"))[0]["name"] == "where"
    styx("api", "logout")
    assert "secret" not in styx("logs", "styx-server", "--no-follow")
    styx("down", "-y", "styx-server")
    assert host.run("pgrep -f [s]tyx-server || true") == ""
