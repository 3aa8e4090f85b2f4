"""The image, built as a user would build it, and the server in it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from support import debian_base, docker, server_image

NAME = server_image.NAME
# As compose.yaml has it, but for the network: nothing from outside is needed, nor any port of this machine.
RIGHTS = ("--init", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges")
pytestmark = [
    pytest.mark.skipif(bool(server_image.missing()), reason=server_image.missing()),
    pytest.mark.xdist_group("image"),
    pytest.mark.timeout(900),
    pytest.mark.slow,
]


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
