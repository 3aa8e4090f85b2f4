"""Rules about ways to objects that lead past core: addresses for anybody, and mounts on nodes. Since 1.1."""

from __future__ import annotations

import contextlib
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from styx.api import Storage, Unsupported
from styx.testing.since import since
from styx.testing.storage.base import StorageRules
from styx.testing.storage.shelf import Shelf
from styx.testing.verdict import expect

SECONDS = 300.0  # for a mount, with what has to be installed first


class ReachingRules(StorageRules):
    """What presign() and mount_command() must and must not give."""

    @pytest.fixture
    def mounts_here(self) -> bool:
        """Whether this machine can do what mount_command() says; where it cannot, the rule is skipped."""
        return True

    @since(1, 1)
    def test_a_presigned_address_reads(self, shelf: Shelf) -> None:
        """Whoever has the address can read the object, without credentials."""
        bucket = shelf.bucket({"dir/a b+c.txt": b"content"})
        try:
            address = shelf.storage.presign(shelf.at(bucket, "dir/a b+c.txt"), 300)
        except Unsupported:
            pytest.skip("the store has no addresses for single objects")
        got: object
        try:
            with urllib.request.urlopen(address, timeout=30) as answer:
                got = answer.read()
        except (urllib.error.URLError, ValueError, OSError) as error:
            got = f"{type(error).__name__}: {error}"
        expect(
            got == b"content",
            did=f"reading the address that presign() gave for an object gave {got!r}",
            contract="presign() gives an address under which anybody can read the object for a while",
            change="sign a GET of exactly this key, escaped as addresses are",
        )

    @since(1, 1)
    def test_a_mount_shows_and_takes_files(
        self, storage: Storage, shelf: Shelf, mounts_here: bool, tmp_path: Path
    ) -> None:
        """What is below the URI is at the target, and what is written there is stored; mounting again is success."""
        bucket = shelf.bucket({"data/a.txt": b"a", "other.txt": b"other"})
        home = tmp_path / "home"
        home.mkdir()
        command = storage.mount_command(shelf.at(bucket, "data/"), "mnt/target")
        if command is None:
            pytest.skip("the store cannot be mounted")
        if not mounts_here:
            pytest.skip("this machine cannot mount it")
        target = home / "mnt" / "target"
        with _unmounted(target, storage.unmount_command(shelf.at(bucket, "data/"), "mnt/target"), home):
            said = [_run(command, home), _run(command, home)]
            seen = sorted(path.name for path in target.iterdir()) if target.is_dir() else None
            read = (target / "a.txt").read_bytes() if seen else None
            with contextlib.suppress(OSError):
                (target / "new.txt").write_bytes(b"new")
        stored = shelf.get(bucket, "data/new.txt")
        expect(
            (seen, read, stored, any(said)) == (["a.txt"], b"a", b"new", False),
            did=f"run twice the command said {said}; then the target showed {seen}, a.txt read {read!r}, and what was "
            f"written there is {stored!r} in the store",
            contract="mount_command() makes the URI appear at the target; what is mounted already is success",
            change="mount the prefix, not the bucket, at the target in the home, unless that is done already",
        )

    @since(1, 1)
    def test_what_is_not_mounted_can_be_unmounted(self, storage: Storage, shelf: Shelf, tmp_path: Path) -> None:
        """Taking away what is not there, because it was taken away already or never was, is success."""
        home = tmp_path / "home"
        home.mkdir()
        command = storage.unmount_command(shelf.at(shelf.name(), "data/"), "mnt/target")
        if command is None:
            pytest.skip("the store leaves unmounting to core")
        said = _run(command, home)
        expect(
            not said,
            did=f"run where nothing is mounted the command of unmount_command() said {said}",
            contract="what is not mounted is success",
            change="look whether it is mounted, in /proc/self/mounts, before unmounting it",
        )


def _run(command: str, home: Path) -> str:
    """Run it as core does, as a script on standard input in the home; what it said if it failed."""
    script = f"{{\n{command}\n}} </dev/null\n"
    done = subprocess.run(
        ["sh", "-s"], cwd=home, env={**os.environ, "HOME": str(home)}, input=script, capture_output=True, text=True,
        timeout=SECONDS, check=False,
    )  # fmt: skip
    return f"status {done.returncode}: {done.stderr.strip()[-500:]}" if done.returncode else ""


@contextlib.contextmanager
def _unmounted(target: Path, command: str | None, home: Path) -> Iterator[None]:
    """Take the mount away at the end, so that all is written, and nothing of it stays on this machine."""
    try:
        yield
    finally:
        if command is not None:
            _run(command, home)
        if target.is_symlink():
            target.unlink()
        for program in (["fusermount3", "-u"], ["fusermount", "-u"], ["umount"]):
            if not os.path.ismount(target):
                break
            with contextlib.suppress(FileNotFoundError):
                subprocess.run([*program, str(target)], capture_output=True, check=False)
