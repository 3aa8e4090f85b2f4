"""Machines in their first minutes: what breaks and comes back while the agent is being put there."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest

from styx.api import TransportError
from styx.builtin.agent.backend import AgentBackend
from styx.testing.hosts import Host
from support.bare import program
from support.clusters import HostCluster, job, output

# Ends the connection over which it is run, the first time.
CUT = """
if /usr/bin/mkdir /tmp/cut-{name} 2>/dev/null; then
  p=$PPID
  until case $(cat /proc/$p/comm) in sshd*) true ;; *) false ;; esac; do read -r _ _ _ p _ </proc/$p/stat; done
  kill -9 $p
  sleep 60
fi
exec {real} "$@"
"""


@pytest.fixture
async def cluster(backend: AgentBackend, bare: Host) -> AsyncIterator[HostCluster]:
    """A host with a few tools and Python as a cluster."""
    bare.run("ln -s /usr/bin/python3 bin/python3")
    made = HostCluster([bare])
    yield made
    await made.close()


@pytest.mark.parametrize("name", ["python3", "mkdir", "cat", "mv"])
async def test_a_connection_that_breaks_during_the_installation(
    backend: AgentBackend, cluster: HostCluster, bare: Host, name: str
) -> None:
    """As when sshd is set up anew at the first boot: it goes on from there, whatever had been done."""
    real = "/usr/bin/python3" if name == "python3" else shutil.which(name)
    bare.run(f"rm bin/{name}")
    program(bare, name, CUT.format(name=name, real=real))
    await backend.prepare(cluster)
    bare.run(f"[ -d /tmp/cut-{name} ]")
    assert await output(backend, cluster, await backend.submit(cluster, job("echo hi"))) == {0: "hi\n"}
    await backend.shutdown(cluster)


async def test_a_machine_that_does_not_come_back_is_not_waited_for_long(
    backend: AgentBackend, cluster: HostCluster, bare: Host
) -> None:
    """The error says that it is the connection."""
    bare.run("rm bin/python3")
    program(bare, "python3", "kill -9 -1; sleep 60")
    with pytest.raises(TransportError):
        await backend.prepare(cluster)
