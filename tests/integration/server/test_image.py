"""The image, built once as a user would build it: the server in it, alone and beside its database in compose.yaml."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import debian_base, docker, postgres_image, server_image

FILE = Path(__file__).parents[3] / "deploy" / "compose.yaml"
PATIENCE = 90.0  # seconds, on a machine that is busy
Run = Callable[..., str]


def command() -> list[str]:
    """How compose is run here: as a plugin of Docker's, or as a program. Empty where it is not installed."""
    for words in (["docker", "compose"], ["docker-compose"]):
        try:
            if subprocess.run([*words, "version"], capture_output=True, check=False).returncode == 0:
                return words
        except FileNotFoundError:
            continue
    return []


COMPOSE = command()
HERE = dict(os.environ)  # plugins of Docker's may be in the user's own home
NAME = server_image.NAME
# As compose.yaml has it, but for the network: nothing from outside is needed, nor any port of this machine.
RIGHTS = ("--init", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges")
MISSING = postgres_image.missing() or ("" if COMPOSE else "needs Docker's compose")
pytestmark = [
    pytest.mark.skipif(bool(server_image.missing()), reason=server_image.missing()),
    pytest.mark.timeout(900),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    """Its name."""
    yield server_image.build()
    docker.docker("image", "rm", "-f", NAME)


@pytest.fixture
def container(image: str) -> Iterator[str]:
    """It runs, and answers."""
    docker.docker("run", "--detach", "--name", NAME, "--network=none", *RIGHTS, image)
    try:
        for _ in range(40):  # its own pause between tries is that of starting Python
            if docker.docker("exec", NAME, "styx", "api", "status", check=False) is not None:
                break
        yield NAME
    finally:
        docker.docker("rm", "-f", "-v", NAME)


def test_the_server_in_the_image(container: str) -> None:
    """It is nobody's superuser, answers over TLS, runs a job where it is, and ends at once when it is told to."""
    config = json.loads(docker.docker("image", "inspect", NAME) or "")[0]["Config"]
    assert config["User"] == "10001:10001"
    assert config["Healthcheck"]["Test"] == ["CMD", "styx", "api", "status"]
    status = json.loads(docker.docker("exec", container, "styx", "api", "status", "-o", "json") or "")
    assert (status["answers"], status["url"]) == (True, "https://0.0.0.0:8080")
    assert len((docker.docker("exec", container, "styx-server", "fingerprint") or "").strip()) == 64
    said = docker.docker("exec", container, "styx", "launch", "-y", "-c", "dev", "--infra", "local", "--", "id", "-u")
    assert (said or "").splitlines()[-1] == "10001"
    assert docker.docker("exec", container, "ssh", "-V") == ""
    docker.docker("stop", "--time", "20", container)
    state = (docker.inspect(container) or {})["State"]
    assert (state["ExitCode"], state["OOMKilled"]) == (0, False)


def test_it_is_small(image: str) -> None:
    """No compiler, no package manager, no cache is in it."""
    size = json.loads(docker.docker("image", "inspect", image) or "")[0]["Size"]
    base = json.loads(docker.docker("image", "inspect", debian_base.IMAGE) or "")[0]["Size"]
    assert size - base < 160 << 20
    assert docker.docker("run", "--rm", "--entrypoint", "sh", image, "-c", "command -v pip gcc", check=False) is None


@pytest.fixture
def compose(image: str, tmp_path: Path) -> Iterator[Run]:
    """Runs compose with the file, in a project of its own, whose server is at ``$STYX_PORT``."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    said = {"POSTGRES_PASSWORD": "not-to-be-told", "POSTGRES_IMAGE": postgres_image.make(), "STYX_IMAGE": image}
    project = [*COMPOSE, "--project-name", "styx-test", "--project-directory", str(tmp_path), "--file", str(FILE)]

    def run(*words: str) -> str:
        env = {**HERE, **said, "STYX_PORT": str(port)}
        done = subprocess.run([*project, *words], env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    try:
        yield run
    finally:
        run("down", "--volumes", "--timeout", "1")


@pytest.fixture
def styx(compose: Run, styx_home: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command line of somebody elsewhere, who has a token for the server; again, until it succeeds."""
    compose("up", "--detach")
    ask = ("exec", "-T", "server", "styx-server")
    compose(*ask, "user", "add", "ann", "--role", "admin")
    monkeypatch.setenv("STYX_API_TOKEN", compose(*ask, "token", "create", "--user", "ann"))
    monkeypatch.setenv("STYX_API_FINGERPRINT", compose(*ask, "fingerprint"))
    monkeypatch.setenv("STYX_API_URL", f"https://127.0.0.1:{compose('port', 'server', '8080').rpartition(':')[2]}")

    def run(*words: str) -> str:
        end = time.monotonic() + PATIENCE
        while True:
            argv = [str(Path(sys.executable).with_name("styx")), *words]
            done = subprocess.run(
                argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=PATIENCE
            )
            if done.returncode == 0:
                return done.stdout
            assert time.monotonic() < end, done.stderr

    return run


@pytest.mark.skipif(bool(MISSING), reason=MISSING)
def test_the_server_beside_its_database(compose: Run, styx: Run) -> None:
    """As docs/server.md says, and killed, and replaced by the container of another image: jobs go on, all is known."""

    def job() -> dict[str, object]:
        found: dict[str, object] = json.loads(styx("jobs", "status", "1", "-o", "json"))[0]
        return found

    styx("jobs", "launch", "-y", "-d", "-n", "long", "--infra", "local", "--", "sleep 8; echo done")
    while job()["state"] != "running":
        pass  # each question takes as long as a pause would
    compose("exec", "-T", "server", "sh", "-c", "kill -9 -1")
    compose("up", "--detach", "--force-recreate", "--no-deps", "server")
    assert styx("jobs", "logs", "1").splitlines()[-1] == "done"
    assert {"state": "succeeded", "user": "ann", "recoveries": 1}.items() <= job().items()
    assert json.loads(styx("status", "-o", "json")) == []
    assert "not-to-be-told" not in compose("logs")
    began = time.monotonic()
    compose("stop")
    assert time.monotonic() - began < 30
    for service in ("server", "database"):
        ended = (docker.inspect(compose("ps", "--all", "--quiet", service)) or {})["State"]
        assert (ended["ExitCode"], ended["OOMKilled"]) == (0, False)
