"""Nodes without Docker, or with one that cannot be used: what is installed where, and what is said before any job."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from styx.api import BackendError
from styx.builtin.agent.docker import require_docker
from styx.builtin.agent.places import Places, find_places
from styx.testing.hosts import Host
from support.bare import program
from support.clusters import HostCluster

WORKS = "exit 0"
STOPPED = 'echo "Cannot connect to the Docker daemon at unix:///var/run/docker.sock." >&2; exit 1'
FORBIDDEN = 'echo "permission denied while trying to connect to the Docker daemon socket" >&2; exit 1'


@pytest.fixture
async def cluster(bare: Host) -> AsyncIterator[HostCluster]:
    """A host with a few tools as a cluster."""
    made = HostCluster([bare])
    yield made
    await made.close()


async def places(cluster: HostCluster) -> Places:
    """Where things are on the node."""
    return await find_places(cluster.transport(0), cluster.key, 0)


async def refusal(cluster: HostCluster) -> str:
    """What requiring Docker there fails with."""
    with pytest.raises(BackendError) as caught:
        await require_docker(cluster.transport(0), await places(cluster))
    assert "apt-get install docker.io" in (caught.value.hint or "")
    return caught.value.message


async def test_a_docker_that_works_is_left_alone(cluster: HostCluster, bare: Host) -> None:
    """Nobody asks a package manager."""
    program(bare, "docker", WORKS)
    program(bare, "apt-get", "touch /tmp/asked")
    await require_docker(cluster.transport(0), await places(cluster))
    bare.run("[ ! -e /tmp/asked ]")


async def test_a_rented_machine_gets_docker_from_its_package_manager(cluster: HostCluster, bare: Host) -> None:
    """Under the name that it has there, and started by whatever starts services there."""
    program(bare, "service", 'echo "$*" >/tmp/started; [ ! -e /tmp/docker ] || mv /tmp/docker bin/docker')
    program(
        bare,
        "dnf",
        'echo "$*" >>/tmp/asked; [ "${*##* }" = moby-engine ] || { echo "No match for docker" >&2; exit 1; }\n'
        f"printf '#!/bin/sh\\n{WORKS}\\n' >/tmp/docker; chmod 755 /tmp/docker",
    )
    await require_docker(cluster.transport(0), await places(cluster))
    asked = bare.run("cat /tmp/asked /tmp/started").splitlines()
    assert asked == ["-q -y install docker", "-q -y install moby-engine", "docker start"]


async def test_what_keeps_a_machine_from_having_docker_is_told(cluster: HostCluster, bare: Host) -> None:
    """None, and no way to get one; one that does not run and does not start; one that is somebody else's."""
    assert await refusal(cluster) == "node 0 has no Docker, which `image_id: docker:...` needs"
    program(bare, "apt-get", 'echo "E: Unable to locate package docker.io" >&2; exit 100')
    wanted = "node 0 has no Docker, and none could be installed: E: Unable to locate package docker.io, which"
    assert (await refusal(cluster)).startswith(wanted)
    program(bare, "docker", FORBIDDEN)
    assert "has a Docker that this user may not use" in await refusal(cluster)


async def test_nothing_is_installed_on_a_machine_that_somebody_owns(cluster: HostCluster, bare: Host) -> None:
    """Those are marked as reserved; a Docker of theirs that is stopped stays so."""
    program(bare, "apt-get", "touch /tmp/asked")
    program(bare, "service", "touch /tmp/asked")
    bare.run("mkdir -p .styx/nodes/machine")
    assert "has no Docker" in await refusal(cluster)
    program(bare, "docker", STOPPED)
    assert "has a Docker that does not run" in await refusal(cluster)
    bare.run("[ ! -e /tmp/asked ]")
