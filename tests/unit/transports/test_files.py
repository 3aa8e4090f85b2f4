"""Copying files to a node, here one that is a directory of this machine."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from styx.api import BackendError, CommandResult, Endpoint, InvalidTask
from styx.transports.files import KEPT_FROM, upload
from styx.transports.process import ProcessTransport


class Node(ProcessTransport):
    """A local node that counts the bytes it is sent."""

    sent = 0

    async def run(
        self, command: str, *, stdin: bytes | AsyncIterator[bytes] = b"", timeout: float = 60.0
    ) -> CommandResult:
        """Count, and run."""

        async def counted() -> AsyncIterator[bytes]:
            assert not isinstance(stdin, bytes)
            async for piece in stdin:
                self.sent += len(piece)
                yield piece

        return await super().run(command, stdin=stdin if isinstance(stdin, bytes) else counted(), timeout=timeout)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The node's home."""
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A directory to copy."""
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


@pytest.fixture
def node(home: Path) -> Node:
    """The node."""
    return Node(Endpoint("process", {"home": str(home)}))


def tree(root: Path) -> dict[str, object]:
    """What is below a directory: contents, link targets, None for directories."""
    found: dict[str, object] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        found[name] = str(path.readlink()) if path.is_symlink() else None if path.is_dir() else path.read_bytes()
    return found


async def test_a_directory_arrives_whole_and_again(node: Node, home: Path, source: Path):
    """Contents, empty directories and links; a second time changes nothing, and nothing is removed."""
    (source / "a" / "b").mkdir(parents=True)
    (source / "a" / "run.sh").write_text("echo\n")
    (source / "a" / "run.sh").chmod(0o755)
    (source / "link").symlink_to("nowhere")
    (source / "big").write_bytes(os.urandom(3_000_000))
    await upload(node, source, "work/dir")
    await upload(node, source, "work/dir")
    assert tree(home / "work" / "dir") == tree(source)
    assert (home / "work/dir/a/run.sh").stat().st_mode & 0o777 == 0o755
    (home / "work/dir/result").touch()
    await upload(node, source, "~/work/dir/")
    assert (home / "work/dir/result").exists()


async def test_hostile_names_arrive(node: Node, home: Path, source: Path):
    """Names that a shell, a terminal or tar might take for something else."""
    for name in ("-rf", "a\nb", "$(touch x)", "'", '"', "\\", "*", " ", "\udcff", "é", "~", "C:", "--checkpoint=1"):
        (source / name).write_text(name, errors="surrogateescape")
    await upload(node, source, "-d $(touch y)/it's")
    assert tree(home / "-d $(touch y)/it's") == tree(source)
    assert [entry.name for entry in home.iterdir()] == ["-d $(touch y)"]


async def test_ignored_files_stay_unless_the_caller_wants_all(node: Node, home: Path, source: Path):
    """The ignore files of a working directory do not concern what was fetched from a store."""
    (source / ".gitignore").write_text("*.log\n")
    (source / "x.log").touch()
    await upload(node, source, "some")
    await upload(node, source, "all", ignore=False)
    assert sorted(tree(home / "some")) == [".gitignore"]
    assert sorted(tree(home / "all")) == [".gitignore", "x.log"]


async def test_large_files_that_are_there_are_not_sent_again(node: Node, home: Path, source: Path):
    """Size, time and mode tell; what changed in any of them goes again."""
    for number in range(3):
        (source / str(number)).write_bytes(bytes([number]) * 1_000_000)
    await upload(node, source, "d")
    node.sent = 0
    (source / "1").write_bytes(b"y" * 1_000_000)
    os.utime(source / "1", (1, 1_700_000_000))
    (source / "2").chmod(0o700)
    (source / "small").write_text("s")
    await upload(node, source, "d")
    assert 2_000_000 < node.sent < 2_100_000
    assert tree(home / "d") == tree(source)
    assert KEPT_FROM < 1_000_000


async def test_a_file_goes_to_its_target_or_into_a_directory(node: Node, home: Path, source: Path):
    """Directories on the way are made; a slash at the end means a directory."""
    (source / "data.txt").write_text("text")
    await upload(node, source / "data.txt", "a/b/other")
    await upload(node, source / "data.txt", "~/c/")
    await upload(node, source / "data.txt", "top")
    assert tree(home) == {
        "a": None,
        "a/b": None,
        "a/b/other": b"text",
        "c": None,
        "c/data.txt": b"text",
        "top": b"text",
    }


async def test_a_file_replaces_a_file(node: Node, home: Path, source: Path):
    """Also one that is a link: what it leads to is not touched."""
    (source / "f").write_text("new")
    (home / "precious").write_text("precious")
    (home / "link").symlink_to("precious")
    await upload(node, source / "f", "link")
    assert tree(home) == {"link": b"new", "precious": b"precious"}


async def test_nothing_is_written_through_links_that_the_node_has(node: Node, tmp_path: Path, source: Path, home: Path):
    """A job may have put links where our directories and files go."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (home / "d").mkdir()
    (home / "d" / "sub").symlink_to(outside)
    (home / "d" / "file").symlink_to(outside / "file")
    (source / "sub").mkdir()
    (source / "sub" / "x").touch()
    (source / "file").write_text("ours")
    await upload(node, source, "d")
    assert tree(outside) == {}
    assert tree(home / "d") == tree(source)


async def test_a_target_of_another_type_is_refused(node: Node, home: Path, source: Path):
    """A file is not put in the place of a directory, nor the other way round."""
    (source / "f").touch()
    (home / "dir").mkdir()
    (home / "file").touch()
    with pytest.raises(InvalidTask, match="it is a file, and the node has a directory there"):
        await upload(node, source / "f", "dir")
    with pytest.raises(InvalidTask, match="it is a directory, and the node has a file there"):
        await upload(node, source, "file")
    with pytest.raises(BackendError, match="cannot copy"):
        await upload(node, source / "f", "file/below")


@pytest.mark.parametrize("target", ["../x", "a/../../x", "/etc/x", "..", "a\0b"])
async def test_a_target_outside_the_node_is_refused(node: Node, tmp_path: Path, source: Path, target: str):
    """A node that shares this machine ends at its home."""
    (source / "f").touch()
    with pytest.raises(InvalidTask):
        await upload(node, source / "f", target)
    assert not (tmp_path / "x").exists()


async def test_an_absolute_path_inside_the_home_is_fine(node: Node, home: Path, source: Path):
    """It is the same place."""
    (source / "f").touch()
    await upload(node, source / "f", f"{home}/g")
    assert tree(home) == {"g": b""}


async def test_a_source_that_is_not_there_is_named(node: Node, source: Path, home: Path):
    """And nothing happens on the node."""
    with pytest.raises(InvalidTask, match="none"):
        await upload(node, source / "none", "x")
    assert tree(home) == {}


async def test_a_node_without_tar_says_so(node: Node, source: Path, tmp_path: Path):
    """The error tells what to install."""
    node._environment["PATH"] = str(tmp_path)
    with pytest.raises(BackendError, match="no tar"):
        await upload(node, source, "x")


async def test_what_the_nodes_tar_says_reaches_the_user(node: Node, source: Path, home: Path):
    """Here a directory in the way of a file, deep in the tree."""
    (source / "x").write_text("file")
    (home / "d" / "x" / "full").mkdir(parents=True)
    with pytest.raises(BackendError, match="x: Cannot open"):
        await upload(node, source, "d")
