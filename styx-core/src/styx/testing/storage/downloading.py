"""Rules about taking files out of the store."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

import pytest

from styx.api import NotFound, ProviderError
from styx.testing.storage.base import StorageRules
from styx.testing.storage.shelf import Shelf, read_tree
from styx.testing.verdict import expect, refuses


class DownloadRules(StorageRules):
    """What download() and fetch_command() must and must not do, and what no URI may reach."""

    def test_one_object_becomes_one_file(self, shelf: Shelf) -> None:
        """The URI of one object is copied to a file at the target, and the directories above it are made."""
        bucket = shelf.bucket({"dir/a.txt": b"a"})
        target = shelf.scratch() / "new" / "dir" / "file"
        shelf.download(bucket, "dir/a.txt", target)
        got = target.read_bytes() if target.is_file() else None
        expect(
            got == b"a",
            did=f"the object dir/a.txt, downloaded to {target.name}, gave "
            f"{'no file there' if got is None else repr(got)}",
            contract="download() copies one object to a file",
            change="write to the target itself, not to a name below it; make target.parent first",
        )

    def test_a_file_that_is_there_is_replaced(self, shelf: Shelf) -> None:
        """Downloading over a longer file leaves nothing of it."""
        bucket = shelf.bucket({"a.txt": b"new"})
        target = shelf.write({"file": b"an old and longer file"}) / "file"
        shelf.download(bucket, "a.txt", target)
        expect(
            target.read_bytes() == b"new",
            did=f"downloaded over a longer file, 'new' reads {target.read_bytes()!r}",
            contract="download() copies one object to a file",
            change="write beside the target and rename over it",
        )

    def test_a_prefix_becomes_a_directory(self, shelf: Shelf) -> None:
        """Everything below a prefix is copied into the target, under its path relative to the prefix."""
        bucket = shelf.bucket({"data/a.txt": b"a", "data/sub/b.txt": b"b", "data-2/c.txt": b"c", "d.txt": b"d"})
        found = read_tree(shelf.download(bucket, "data/"))
        expect(
            found == {"a.txt": b"a", "sub/b.txt": b"b"},
            did=f"download(.../data/) made {found}",
            contract="download() copies everything below a prefix into a directory",
            change="cut the prefix off each key, and leave out what is not below it",
        )

    def test_a_whole_bucket_can_be_downloaded(self, shelf: Shelf) -> None:
        """An empty key names the whole bucket."""
        files = {"a.txt": b"a", "sub/b.txt": b"b"}
        bucket = shelf.bucket(files)
        found = read_tree(shelf.download(bucket))
        expect(
            found == files,
            did=f"of {sorted(files)} the download of the bucket made {found}",
            contract="a key that is empty names all below it",
            change="treat the empty key as the prefix of everything",
        )

    def test_what_is_in_the_directory_stays(self, shelf: Shelf) -> None:
        """Downloading into a directory removes nothing that is there already."""
        bucket = shelf.bucket({"data/new.txt": b"new"})
        target = shelf.write({"old.txt": b"old"})
        found = read_tree(shelf.download(bucket, "data/", target))
        expect(
            found == {"new.txt": b"new", "old.txt": b"old"},
            did=f"new.txt was downloaded into a directory with old.txt, which then held {sorted(found)}",
            contract="download() copies",
            change="do not clear the target",
        )

    @pytest.mark.parametrize("key", ["missing.txt", "nothing/below/"])
    def test_nothing_there_is_not_found(self, shelf: Shelf, key: str) -> None:
        """A key or a prefix with nothing at or below it is NotFound, and leaves nothing behind."""
        bucket = shelf.bucket({"a.txt": b"a"})
        target, doing = shelf.scratch() / "target", f"download() of {key!r}, which is not there,"
        contract, change = "NotFound when there is nothing", "look for the objects before touching the target"
        with refuses(doing, NotFound, contract=contract, change=change):
            shelf.download(bucket, key, target)
        expect(not target.exists(), did=f"{doing} left {target.name}", contract=contract, change=change)

    def test_download_from_a_missing_bucket_is_not_found(self, shelf: Shelf) -> None:
        """A bucket that does not exist is NotFound."""
        with refuses(
            "download() from a bucket that does not exist",
            NotFound,
            contract="NotFound when there is nothing",
            change="map the provider's no-such-bucket to NotFound",
        ):
            shelf.download(shelf.name(), "a.txt")

    def test_no_uri_reads_another_bucket(self, shelf: Shelf) -> None:
        """Dots in a key do not lead out of the bucket when reading."""
        bucket, other = shelf.bucket({"a.txt": b"a"}), shelf.bucket({"secret.txt": b"secret"})
        got = shelf.get(bucket, f"../{other}/secret.txt")
        listed: list[str] = []
        with contextlib.suppress(ProviderError):
            listed = shelf.keys(bucket, f"../{other}/")
        expect(
            got is None and not listed,
            did=f"the key ../{other}/secret.txt of bucket {bucket} reads {got!r}, and its directory lists {listed}",
            contract="a URI names what is in its bucket",
            change="refuse keys with '..' as a part (InvalidRequest)",
        )

    def test_no_uri_writes_another_bucket(self, shelf: Shelf) -> None:
        """Dots in a key do not lead out of the bucket when writing."""
        bucket, other = shelf.bucket(), shelf.bucket()
        with contextlib.suppress(ProviderError):
            shelf.put(bucket, f"../{other}/planted.txt", b"planted")
        found = shelf.keys(other)
        expect(
            not found,
            did=f"uploading to the key ../{other}/planted.txt of bucket {bucket} made {found} in {other}",
            contract="a URI names what is in its bucket",
            change="refuse keys with '..' as a part (InvalidRequest)",
        )

    def test_no_key_leaves_the_target(self, shelf: Shelf) -> None:
        """Whatever keys a bucket holds, a download writes below its target only."""
        bucket = shelf.bucket({"data/a.txt": b"a"})
        with contextlib.suppress(ProviderError):
            shelf.put(bucket, "data/../../planted.txt", b"planted")
        inner = shelf.scratch() / "one" / "two"
        with contextlib.suppress(ProviderError):
            shelf.download(bucket, "", inner)
        outside = [path for path in inner.parent.parent.rglob("planted.txt") if inner not in path.parents]
        expect(
            not outside,
            did=f"a key with '..' was written to {[str(p.relative_to(inner.parent.parent)) for p in outside]}, "
            "outside of the target",
            contract="download() copies everything below a prefix into a directory",
            change="refuse keys with '..' as a part, in upload() and in download()",
        )

    @pytest.mark.parametrize("key", ["data/a b.txt", "data/"])
    def test_fetch_command_fetches(self, shelf: Shelf, key: str) -> None:
        """The command, run by a shell that has no credentials, copies what download() would."""
        bucket = shelf.bucket({"data/a b.txt": b"a", "data/sub/b.txt": b"b"})
        home = shelf.write({})
        command = shelf.driver.call(
            lambda: shelf.storage.fetch_command(shelf.at(bucket, key), "in put/here"), what="fetch_command()"
        )
        if command is None:
            pytest.skip("the store has no command that needs no credentials")
        done = subprocess.run(
            ["/bin/sh", "-c", command], cwd=home, check=False, capture_output=True, timeout=60,
            env={"HOME": str(home), "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
        )  # fmt: skip
        wanted = _downloaded(shelf, bucket, key)
        got = _read(home / "in put/here")
        expect(
            got == wanted,
            did=f"{command!r} ended with {done.returncode} ({done.stderr.decode(errors='replace').strip()!r}) "
            f"and made {got!r}; download() makes {wanted!r}",
            contract="a shell command that copies the URI to the target on a node without credentials; else None",
            change="quote both with shlex.quote, make the directories first; or return None",
        )


def _downloaded(shelf: Shelf, bucket: str, key: str) -> dict[str, bytes] | bytes | None:
    return _read(shelf.download(bucket, key))


def _read(path: Path) -> dict[str, bytes] | bytes | None:
    if path.is_dir():
        return read_tree(path)
    return path.read_bytes() if path.is_file() else None
