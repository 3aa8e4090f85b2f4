"""Where a cluster's runtime lives on a node."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.agent.protocol import MAX_SOCKET_PATH
from styx.api import BackendError, ByteStream, CommandResult, Endpoint, Transport, TransportError
from styx.builtin.agent.places import _PROBE, Places, find_places
from styx.transports.process import ProcessTransport


class Answering(Transport):
    """A transport on which every command prints the same."""

    def __init__(self, said: str, status: int = 0) -> None:
        self.result = CommandResult(status, said.encode(errors="surrogateescape"), b"")

    async def run(
        self, command: str, *, stdin: bytes | AsyncIterator[bytes] = b"", timeout: float = 60.0
    ) -> CommandResult:
        """Say it."""
        return self.result

    async def open_unix(self, path: str) -> ByteStream:
        """Not here."""
        raise TransportError(path)

    def interactive(self, command: str | None = None) -> list[str]:
        """Not here either."""
        return []

    async def close(self) -> None:
        """Nothing is open."""


@given(st.from_regex(r"/[a-z/ ']{0,200}", fullmatch=True), st.integers(0, 2**32), st.integers(0, 999))
def test_the_socket_path_is_always_short_enough(home: str, uid: int, rank: int):
    """However long the home's path is."""
    places = Places(home, uid, "u", "styx-aaaaaa-cluster-name-x-abcd", rank)
    assert len(os.fsencode(places.socket)) <= MAX_SOCKET_PATH
    assert places.socket.startswith(f"{places.socket_dir}/")


def test_no_two_ranks_or_clusters_share_anything_but_programs():
    """Nodes may share a home and a machine."""
    all_places = [Places("/h", 0, "u", key, rank) for key in ("a", "b") for rank in (0, 1)]
    assert len({places.state for places in all_places}) == 4
    assert len({places.socket for places in all_places}) == 4
    assert len({places.programs for places in all_places}) == 1
    assert Places("/other", 0, "u", "a", 0).socket != all_places[0].socket


async def test_a_node_tells_who_we_are_there():
    """Home, user, and what its sshd listens on behind any translation of addresses."""
    places = await find_places(Answering("/home/me/\n1000\nme\n1.2.3.4 5555 10.0.0.7 2222\n"), "k", 3)
    assert places == Places("/home/me", 1000, "me", "k", 3, "10.0.0.7", 2222)


async def test_a_node_not_reached_by_ssh_has_no_address_of_its_own():
    """There is nothing to tell."""
    places = await find_places(Answering("/root\n0\nroot\n\n"), "k", 0)
    assert (places.address, places.port) == ("", 0)


@given(st.text(), st.integers(0, 255))
def test_whatever_a_node_answers_gives_places_or_a_transport_error(said: str, status: int):
    """A login script may print anything."""
    import asyncio

    try:
        places = asyncio.run(find_places(Answering(said, status), "k", 0))
    except TransportError:
        return
    assert places.home == "" or places.home.startswith("/")
    assert "\n" not in places.home + places.user


@pytest.mark.parametrize("key", ["", "../x", "a/b", ".", "-x", "a b", "a\nb", "x" * 101])
async def test_a_key_that_is_no_directory_name_is_refused(key: str):
    """It becomes part of paths and commands."""
    with pytest.raises(BackendError, match="cannot be the key"):
        await find_places(Answering("/root\n0\nroot\n"), key, 0)


async def test_a_node_may_keep_its_state_elsewhere_and_only_there():
    """What it answers becomes part of commands, so it is one place or an error."""
    places = await find_places(Answering("/home/me\n7\nme\n\n/var/tmp/styx-7\n"), "k", 3)
    assert places.state == "/var/tmp/styx-7/.styx/clusters/k/3"
    assert places.programs == "/var/tmp/styx-7/.styx/agent"
    assert places.home == "/home/me"
    for elsewhere in ("/var/tmp/styx-8", "/etc", "$(reboot)"):
        with pytest.raises(TransportError):
            await find_places(Answering(f"/home/me\n7\nme\n\n{elsewhere}\n"), "k", 3)


HOME_ON = "/dev/vda1 / ext4 rw 0 0\nserver:/export HOME {kind} rw 0 0\n"


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh"])
@pytest.mark.parametrize(
    ("mounts", "local"),
    [
        ("/dev/vda1 / ext4 rw 0 0\n", True),
        (HOME_ON.format(kind="nfs4"), False),
        (HOME_ON.format(kind="fuse.sshfs"), False),
        (HOME_ON.format(kind="fuseblk"), True),
        (HOME_ON.format(kind="nfs4") + "/dev/vdb HOME xfs rw 0 0\n", True),
        (HOME_ON.format(kind="xfs").replace("HOME", "HOME/data"), True),
        ("all / 9p rw 0 0\n", True),
        ("all / nfs rw 0 0\n/dev/vda1 /var ext4 rw 0 0\n", False),
    ],
)
def test_a_home_on_a_network_is_told_from_a_disk(tmp_path: Path, shell: str, mounts: str, local: bool) -> None:
    """By what is mounted where, the last one at a place, whatever the shell."""
    if shutil.which(shell.split(maxsplit=1)[0]) is None:
        pytest.skip(f"needs {shell}")
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "mounts").write_text(mounts.replace("HOME", str(home)))
    probe = _PROBE.replace("/proc/mounts", str(tmp_path / "mounts"))
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [*shell.split(), "-c", f"state=clusters/k/0/start\n{probe}"], env=environment, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.split("\n")[4] == ("" if local else f"/var/tmp/styx-{os.getuid()}")
    (home / ".styx/clusters/k/0").mkdir(parents=True)
    (home / ".styx/clusters/k/0/start").touch()
    done = subprocess.run(
        [*shell.split(), "-c", f"state=clusters/k/0/start\n{probe}"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\n")[4] == ""  # what is there already stays where it is


async def test_this_machine_is_not_asked():
    """A local node's places are known without running anything."""
    transport = ProcessTransport(Endpoint("process", {"home": "/nowhere/at/all"}))
    places = await find_places(transport, "k", 0)
    assert (places.home, places.uid) == ("/nowhere/at/all", os.getuid())
