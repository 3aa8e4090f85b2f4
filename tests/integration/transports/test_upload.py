"""Copying files to real hosts."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

import pytest

from styx.api import BackendError, TransportError
from styx.testing.hosts import Host
from styx.transports.files import upload
from styx.transports.ssh import SshTransport

HOSTILE = [
    "-rf",
    "a\nb",
    "$(touch x)",
    "`id`",
    "'",
    '"',
    "\\",
    "*",
    " ",
    "\udcff",
    "é",
    "~",
    "#",
    ";",
    "&",
    "|",
    "!",
    "{a,b}",
]


def grown(root: Path, seed: int) -> Path:
    """A tree with hostile names, links, empty directories and files of several sizes."""
    dice = random.Random(seed)
    for number, name in enumerate(HOSTILE):
        directory = root / f"d{number % 3}" / name
        directory.mkdir(parents=True)
        (directory / name).write_bytes(dice.randbytes(dice.choice([0, 1, 511, 512, 513, 70_000])))
        (directory / name).chmod(dice.choice([0o600, 0o644, 0o755, 0o400]))
        (directory / "link").symlink_to(dice.choice(["..", "nowhere", "/etc", name]))
    return root


def tree(root: Path) -> dict[str, object]:
    """What is below a directory, with modes and times of files."""
    found: dict[str, object] = {}
    for path in root.rglob("*"):
        info = path.lstat()
        what = str(path.readlink()) if path.is_symlink() else None if path.is_dir() else path.read_bytes()
        of_file = (info.st_mode & 0o777, int(info.st_mtime)) if path.is_file() and not path.is_symlink() else ()
        found[str(path.relative_to(root))] = (what, *of_file)
    return found


@pytest.mark.parametrize("seed", range(2))
async def test_a_tree_arrives_as_it_is(shared_hosts: list[Host], tmp_path: Path, seed: int):
    """Names, contents, modes, times and links, to a target with a hostile name of its own; again changes nothing."""
    host, target = shared_hosts[0], f"it's $(a) target {seed}"
    node = SshTransport(host.endpoint())
    await upload(node, grown(tmp_path, seed), target)
    await upload(node, tmp_path, target)
    await node.close()
    assert tree(host.home / target) == tree(tmp_path)
    assert (host.home / target).stat().st_uid == os.getuid()


async def test_a_large_file_is_streamed(shared_hosts: list[Host], tmp_path: Path):
    """It never is in memory as a whole, nor on this machine twice."""
    import resource

    host = shared_hosts[0]
    with (tmp_path / "large").open("wb") as file:
        for _ in range(128):
            file.write(os.urandom(1 << 20))
    node = SshTransport(host.endpoint())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await upload(node, tmp_path / "large", "deep/large")
    grown_by = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    await node.close()
    assert (host.home / "deep" / "large").stat().st_size == 128 << 20
    assert grown_by < 64 << 10  # KiB


async def test_a_full_disk_is_said_to_be_full(host: Host, tmp_path: Path):
    """The hint says what to do, and the connection stays usable."""
    if not host.isolated:
        pytest.skip("needs a file system of its own on the host")
    host.run("mkdir small && mount -t tmpfs -o size=1m none small")
    (tmp_path / "big").write_bytes(bytes(8 << 20))
    node = SshTransport(host.endpoint())
    with pytest.raises(BackendError, match="cannot copy") as caught:
        await upload(node, tmp_path, "small/dir")
    assert "disk space" in (caught.value.hint or "")
    assert (await node.run("echo on")).text == "on"
    await node.close()
    host.run("umount small")


async def test_a_lost_connection_is_a_transport_error(host: Host, tmp_path: Path):
    """In the middle of a copy."""
    with (tmp_path / "large").open("wb") as file:
        file.truncate(2 << 30)
    node = SshTransport(host.endpoint())
    copying = asyncio.create_task(upload(node, tmp_path, "dir"))
    while not (host.home / "dir").exists():  # noqa: ASYNC110 - it comes about on another machine
        await asyncio.sleep(0.01)
    host.stop()
    with pytest.raises(TransportError):
        await asyncio.wait_for(copying, 20)
    await node.close()
