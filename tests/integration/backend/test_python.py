"""Nodes whose Python is missing, old or minimal: real interpreters on real hosts."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from styx.api import BackendError
from styx.builtin.agent.backend import AgentBackend
from styx.testing.hosts import Host
from support.bare import program
from support.clusters import HostCluster, job, output

UNUSED = ("config-*", "distutils", "ensurepip", "idlelib", "lib2to3", "site-packages", "test", "tkinter", "unittest")
MINIMAL = "libpython3.11-minimal"  # Debian's


def give(host: Host, version: str, name: str = "python3") -> None:
    """Put a real Python of this version on the host, whose home hides ours. Skips where there is none."""
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)  # $HOME is the test's
    found = sorted(home.glob(f".pyenv/versions/{version}.*/bin/python{version}"))
    if not found:
        pytest.skip(f"there is no Python {version} on this machine")
    source, target = found[-1].parent.parent, host.directory / "tmp" / f"python{version}"
    library = f"lib/python{version}"
    shutil.copytree(source / library, target / library, ignore=shutil.ignore_patterns(*UNUSED), copy_function=link)
    for file in (*source.glob("lib/libpython*.so*"), found[-1]):
        (target / file.relative_to(source)).parent.mkdir(exist_ok=True)
        shutil.copy(file, target / file.relative_to(source))
    program(
        host,
        name,
        f'export LD_LIBRARY_PATH=/tmp/python{version}/lib; exec /tmp/python{version}/bin/python{version} "$@"',
    )


def link(source: str, target: str) -> None:
    """Copy a file that nobody changes, by a link where both are on one disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


@pytest.fixture
async def cluster(backend: AgentBackend, bare: Host) -> AsyncIterator[HostCluster]:
    """One such host as a cluster, of which nothing is left in the end."""
    made = HostCluster([bare])
    yield made
    await backend.shutdown(made)
    assert bare.run("ls -A") == "bin"
    await made.close()


async def refusal(backend: AgentBackend, cluster: HostCluster) -> str:
    """What preparing the cluster fails with."""
    with pytest.raises(BackendError) as caught:
        await backend.prepare(cluster)
    assert "python3" in (caught.value.hint or "")
    return caught.value.message


async def test_a_node_without_python_is_refused_before_anything_is_put_there(
    backend: AgentBackend, cluster: HostCluster
) -> None:
    """With what it needs; neither a package manager nor a file of ours is there."""
    assert (await refusal(backend, cluster)).startswith("node 0 has no Python. The agent needs Python 3.8 or newer")
    assert cluster.hosts[0].run("ls -A") == "bin"


@pytest.mark.parametrize("version", ["3.6", "3.7"])
async def test_an_old_python_is_told_by_its_version(
    backend: AgentBackend, cluster: HostCluster, bare: Host, version: str
) -> None:
    """Not by a syntax error from within the agent."""
    give(bare, version)
    assert f"no Python of use: /root/bin/python3 is {version}." in await refusal(backend, cluster)


async def test_a_python_beside_an_old_one_is_found(backend: AgentBackend, cluster: HostCluster, bare: Host) -> None:
    """Under a name of its own, and 3.8 is new enough."""
    give(bare, "3.6")
    give(bare, "3.8", "python3.8")
    await backend.prepare(cluster)
    assert str((await backend._node(cluster, 0).hello())["python"]).startswith("3.8.")
    number = await backend.submit(cluster, job("echo hi", setup="echo set up", secrets={"A": "b"}))
    assert await output(backend, cluster, number) == {0: "set up\nhi\n"}


def minimal(host: Host) -> None:
    """Give the host Debian's Python with the very files of its minimal package, and no others."""
    prefix = Path("/usr/lib/python3.11")
    listed = subprocess.run(["dpkg", "-L", MINIMAL], capture_output=True, text=True, check=False).stdout.splitlines()
    files = [path for path in map(Path, listed) if prefix in path.parents and path.is_file()]
    if not files or not Path("/usr/bin/python3.11").exists():
        pytest.skip(f"there is no {MINIMAL} on this machine")
    for file in files:
        target = host.directory / "tmp" / "minimal" / file.relative_to(prefix)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    host.run(f"ln -s /usr/bin/python3.11 bin/python3; mount --bind /tmp/minimal {prefix}")


async def test_a_minimal_python_is_told_by_what_it_lacks(
    backend: AgentBackend, cluster: HostCluster, bare: Host
) -> None:
    """Debian's python3-minimal starts, and that is all."""
    minimal(bare)
    message = await refusal(backend, cluster)
    assert "/root/bin/python3 is 3.11." in message
    assert " without " in message
    assert "json" in message
    assert "sqlite3" in message


async def test_a_rented_machine_gets_its_python_from_its_package_manager(
    backend: AgentBackend, cluster: HostCluster, bare: Host
) -> None:
    """And goes on with it; which manager there is is found out there."""
    program(
        bare,
        "apt-get",
        'echo "$@" >>/tmp/asked\ncase "$*" in *" install python3") ln -s /usr/bin/python3 bin/python3; esac',
    )
    await backend.prepare(cluster)
    assert await output(backend, cluster, await backend.submit(cluster, job("echo hi"))) == {0: "hi\n"}
    assert [line.split()[-1] for line in bare.run("cat /tmp/asked").splitlines()] == ["update", "python3"]
    bare.run("rm bin/apt-get bin/python3; ls bin >/dev/null")


@pytest.mark.parametrize(
    "busy",
    [
        "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 912 (apt-get)",
        "E: Could not get lock /var/lib/dpkg/lock-frontend - open (11: Resource temporarily unavailable)",
        "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem.",
        "E: Release file for http://mirror.example/debian is not valid yet (invalid for another 2h 3min 4s).",
    ],
)
async def test_a_machine_that_updates_itself_at_its_first_boot_is_waited_for(
    backend: AgentBackend, cluster: HostCluster, bare: Host, busy: str
) -> None:
    """Whatever lock it holds, at whatever step; one that was cut off in the midst of it is repaired first."""
    program(bare, "dpkg", 'echo "dpkg $*" >>/tmp/asked')
    program(
        bare,
        "apt-get",
        f'echo "$*" >>/tmp/asked\n[ $(grep -c "" </tmp/asked) -gt 2 ] || {{ echo "{busy}" >&2; exit 100; }}\n'
        'case "$*" in *" install python3") ln -s /usr/bin/python3 bin/python3; esac',
    )
    await backend.prepare(cluster)
    asked = [" ".join(line.split()[-2:]) for line in bare.run("cat /tmp/asked").splitlines()]
    repaired = ["--configure -a"] * ("interrupted" in busy)
    update = "--no-install-recommends update"
    assert asked == [update, *repaired, update, *([update] if not repaired else []), "install python3"]
    bare.run("rm bin/apt-get bin/dpkg bin/python3; ls bin >/dev/null")


async def test_nothing_is_installed_on_a_machine_that_somebody_owns(
    backend: AgentBackend, cluster: HostCluster, bare: Host
) -> None:
    """Those are marked as reserved: there the error alone is given."""
    program(bare, "apt-get", "touch /tmp/asked")
    bare.run("mkdir -p .styx/nodes/machine")
    assert "has no Python. The agent" in await refusal(backend, cluster)
    bare.run("[ ! -e /tmp/asked ] && rm -r .styx")


async def test_a_package_manager_that_fails_is_quoted(backend: AgentBackend, cluster: HostCluster, bare: Host) -> None:
    """Its last words say why."""
    program(bare, "apt-get", 'echo "E: Unable to locate package" >&2\nexit 100')
    assert "did not bring one: E: Unable to locate package" in await refusal(backend, cluster)
