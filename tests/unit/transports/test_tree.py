"""Trees as streams of tar."""

from __future__ import annotations

import io
import os
import socket
import stat
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api import InvalidTask
from styx.transports.tree import Entry, archive, entries, single

NAMES = st.binary(min_size=1, max_size=60).filter(lambda name: not {0, 0x2F} & set(name) and name not in {b".", b".."})
CONTENTS = st.one_of(st.binary(max_size=2000), st.just(b"x" * 600_000))


async def unpacked(found: list[Entry]) -> dict[str, tarfile.TarInfo]:
    """The archive as Python reads it, by path, with ``contents``."""
    data = b"".join([piece async for piece in archive(found)])
    members = {}
    with tarfile.open(fileobj=io.BytesIO(data), errors="surrogateescape") as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() else None
            member.pax_headers = {"contents": file.read() if file is not None else b""}
            members[member.name.removeprefix("./")] = member
    return members


@given(st.dictionaries(NAMES, CONTENTS, max_size=5))
def test_any_names_and_contents_arrive_as_they_are(tmp_path_factory: pytest.TempPathFactory, files: dict[bytes, bytes]):
    """Names are bytes: newlines, dashes, what is no UTF-8, and long ones below several directories."""
    import asyncio

    root = tmp_path_factory.mktemp("tree")
    directory = root / ("d" * 100) / ("e" * 100)
    directory.mkdir(parents=True)
    for name, contents in files.items():
        (directory / os.fsdecode(name)).write_bytes(contents)
    members = asyncio.run(unpacked(entries(root, ignore=False)))
    prefix = f"{'d' * 100}/{'e' * 100}/"
    arrived = {
        os.fsencode(name.removeprefix(prefix)): member.pax_headers["contents"]
        for name, member in members.items()
        if member.isfile()
    }
    assert arrived == files


async def test_modes_times_and_links_are_kept(tmp_path: Path):
    """Links stay links: good ones, dangling ones, and those that lead out of the tree."""
    (tmp_path / "script").write_text("#!/bin/sh\n")
    (tmp_path / "script").chmod(0o751)
    os.utime(tmp_path / "script", (1, 1_600_000_000))
    for name, leads in {"good": "script", "dangling": "none", "out": "/etc/passwd", "up": "../../x"}.items():
        (tmp_path / name).symlink_to(leads)
    members = await unpacked(entries(tmp_path, ignore=False))
    assert members["script"].mode == 0o751
    assert members["script"].mtime == 1_600_000_000
    assert (members["script"].uid, members["script"].uname) == (0, "")
    assert {name: m.linkname for name, m in members.items() if m.issym()} == {
        "good": "script", "dangling": "none", "out": "/etc/passwd", "up": "../../x",
    }  # fmt: skip


def test_links_to_directories_are_not_followed(tmp_path: Path):
    """A link that leads in a circle ends nowhere."""
    (tmp_path / "loop").symlink_to(tmp_path)
    assert [entry.path for entry in entries(tmp_path, ignore=False)] == ["loop"]


def test_what_is_no_file_is_left_out(tmp_path: Path):
    """Pipes and sockets belong to programs of this machine."""
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(tmp_path / "socket"))
    (tmp_path / "file").touch()
    assert [entry.path for entry in entries(tmp_path, ignore=False)] == ["file"]


def test_an_ignored_directory_is_not_entered(tmp_path: Path):
    """What is in it may even be unreadable."""
    (tmp_path / ".gitignore").write_text("secret/\n*.pyc\n")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "x").touch()
    (tmp_path / "a.pyc").touch()
    (tmp_path / "empty").mkdir()
    assert [entry.path for entry in entries(tmp_path, ignore=True)] == [".gitignore", "empty"]
    assert {"secret", "secret/x", "a.pyc"} <= {entry.path for entry in entries(tmp_path, ignore=False)}


def test_directories_come_before_what_is_in_them(tmp_path: Path):
    """So that nothing is ever written through something that was there before."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").touch()
    assert [entry.path for entry in entries(tmp_path, ignore=False)] == ["a", "a/b", "a/b/c"]


async def test_a_file_that_changes_while_it_is_read_keeps_the_archive_whole(tmp_path: Path):
    """One that was removed is left out; one that grew or shrank has the size it had when it was opened."""
    for name in ("gone", "here"):
        (tmp_path / name).write_text(name)
    found = entries(tmp_path, ignore=False)
    (tmp_path / "gone").unlink()
    (tmp_path / "here").write_text("longer than before")
    members = await unpacked(found)
    assert list(members) == ["here"]
    assert members["here"].pax_headers["contents"] == b"longer than before"


async def test_a_file_that_became_a_link_is_not_followed(tmp_path: Path):
    """Nobody smuggles another file in between the listing and the reading."""
    (tmp_path / "file").touch()
    found = entries(tmp_path, ignore=False)
    (tmp_path / "file").unlink()
    (tmp_path / "file").symlink_to("/etc/passwd")
    with pytest.raises(InvalidTask, match="file"):
        await unpacked(found)


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
async def test_a_file_that_cannot_be_read_is_named(tmp_path: Path):
    """The user learns which one, and how to leave it out."""
    (tmp_path / "secret").touch(mode=0)
    with pytest.raises(InvalidTask, match="secret") as caught:
        await unpacked(entries(tmp_path, ignore=False))
    assert "styxignore" in (caught.value.hint or "")


def test_a_source_that_is_not_there_is_named(tmp_path: Path):
    """Both as a directory and as a file."""
    with pytest.raises(InvalidTask, match="none does not exist"):
        entries(tmp_path / "none", ignore=False)
    with pytest.raises(InvalidTask, match=r"cannot read .*none: No such file"):
        single(tmp_path / "none", "x")


def test_a_source_that_is_no_file_is_refused(tmp_path: Path):
    """Reading a pipe would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidTask, match="neither a file nor a directory"):
        single(tmp_path / "pipe", "x")


def test_a_single_link_gives_the_file_behind_it(tmp_path: Path):
    """The user named it, so the file is meant."""
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to("file")
    entry = single(tmp_path / "link", "there")
    assert stat.S_ISREG(entry.mode)
    assert (entry.path, entry.size, Path(entry.source).name) == ("there", 4, "file")
