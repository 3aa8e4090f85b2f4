"""Putting the agent on a node: the scripts, run by a real shell against homes with hostile names."""

from __future__ import annotations

import os
import shlex
import sys
import zipfile
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pytest

from styx.api import BackendError, ByteStream, CommandResult, Endpoint, Transport
from styx.builtin.agent import install
from styx.builtin.agent.places import Places
from styx.transports.process import ProcessTransport

HOSTILE = ["plain", "it's", "a b", '"quoted"', "$(touch x)", "-n", "é"]


class Far(Transport):
    """A directory of this machine, treated like a node elsewhere: everything goes through its shell."""

    def __init__(self, home: Path) -> None:
        self.inner = ProcessTransport(Endpoint("process", {"home": str(home)}))
        self.commands: list[str] = []

    async def run(
        self, command: str, *, stdin: bytes | AsyncIterator[bytes] = b"", timeout: float = 60.0
    ) -> CommandResult:
        """Run it here."""
        self.commands.append(command)
        return await self.inner.run(command, stdin=stdin, timeout=timeout)

    async def open_unix(self, path: str) -> ByteStream:
        """Connect here."""
        return await self.inner.open_unix(path)

    def interactive(self, command: str | None = None) -> list[str]:
        """As here."""
        return self.inner.interactive(command)

    async def close(self) -> None:
        """Close."""
        await self.inner.close()


def places_at(home: Path) -> Places:
    """The places of some cluster."""
    home.mkdir(parents=True)
    return Places(str(home), os.getuid(), "me", "styx-aaaaaa-c-bbbb", 0)


def test_the_archive_is_named_by_its_build():
    """And is a zip archive that Python runs."""
    build, data = install.archive()
    assert len(build) >= 8
    assert "__main__.py" in zipfile.ZipFile(BytesIO(data)).namelist()


@pytest.mark.parametrize("name", HOSTILE)
async def test_another_machine_gets_the_program_and_its_scripts(tmp_path: Path, name: str):
    """Whatever the home is called; twice is as good as once, and the program is copied once."""
    places, transport = places_at(tmp_path / name), Far(tmp_path / name)
    await install.install(transport, places, tmp_path / "unused")
    copied = sum("unpack" in command for command in transport.commands)
    await install.install(transport, places, tmp_path / "unused")
    assert sum("unpack" in command for command in transport.commands) == copied == 1
    build, _ = install.archive()
    program = Path(places.programs, build, "main.py")
    assert program.is_file()
    assert os.access(places.bridge, os.X_OK)
    for made in (places.state, places.programs, places.socket_dir):
        assert Path(made).stat().st_mode & 0o077 == 0
    assert sorted(entry.name for entry in Path(places.programs).iterdir()) == sorted([build, "bridge"])
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
    words = shlex.split(Path(places.start).read_text())
    assert words[0] == "exec"
    assert words[-7:-1] == [str(program), "daemon", "--state", places.state, "--socket", places.socket]


@pytest.mark.parametrize("name", HOSTILE)
async def test_this_machine_shares_one_copy(tmp_path: Path, name: str):
    """Nodes run it with this very interpreter; nothing is copied into their homes."""
    places = places_at(tmp_path / name)
    transport = ProcessTransport(Endpoint("process", {"home": places.home}))
    await install.install(transport, places, tmp_path / "programs of $us")
    build, _ = install.archive()
    assert (tmp_path / "programs of $us" / build / "main.py").is_file()
    assert not Path(places.programs).exists()
    assert sys.executable in Path(places.start).read_text()
    assert await install.installed(transport, places)


async def test_the_bridge_says_when_nobody_answers(tmp_path: Path):
    """It is a program of its own: any argument is one word to it."""
    places = places_at(tmp_path / "home")
    await install.install(Far(tmp_path / "home"), places, tmp_path)
    done = await Far(tmp_path).run(shlex.join([places.bridge, "/no where/x"]))
    assert done.status != 0
    assert b"/no where/x" in done.stderr


async def test_a_start_that_fails_says_what_the_node_said(tmp_path: Path):
    """The error names the node and its own words, fit for a terminal."""
    places = places_at(tmp_path / "home")
    Path(places.state).mkdir(parents=True)
    Path(places.start).write_text("printf 'bad \\033[31mthing' >&2; exit 3\n")
    with pytest.raises(BackendError, match=r"node 0 failed to start the agent \(status 3\): bad  \[31mthing"):
        await install.start(Far(tmp_path / "home"), places)


async def test_a_socket_directory_of_somebody_else_is_refused(tmp_path: Path):
    """Here a link, where a directory of ours should be."""

    class Elsewhere(Places):
        @property
        def socket_dir(self) -> str:
            """A link."""
            return str(tmp_path / "link")

    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "home").mkdir()
    places = Elsewhere(str(tmp_path / "home"), os.getuid(), "me", "k", 0)
    with pytest.raises(BackendError, match="somebody else"):
        await install.install(ProcessTransport(Endpoint("process", {"home": places.home})), places, tmp_path / "p")
    with pytest.raises(BackendError, match="directories"):
        await install.install(Far(tmp_path / "home"), places, tmp_path)
