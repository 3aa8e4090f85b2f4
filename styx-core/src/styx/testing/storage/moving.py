"""Rules about many files at once: put(), get(), remove(), and telling what need not be copied. Since 1.1."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from styx.api import NotFound, ProviderError, Storage, StoredObject, Unsupported
from styx.testing.since import since
from styx.testing.storage.base import StorageRules
from styx.testing.storage.shelf import Shelf, read_tree
from styx.testing.verdict import expect, refuses, succeeds

HOUR = 3600.0


class MovingRules(StorageRules):
    """What put(), get(), remove() and same() must and must not do."""

    @since(1, 1)
    def test_put_stores_every_file(self, shelf: Shelf, odd_keys: tuple[str, ...]) -> None:
        """All files come to be objects, each under its key, and replace what was there."""
        files = {f"many/{key}": f"new {key}".encode() for key in odd_keys}
        bucket = shelf.bucket({next(iter(files)): b"an old and longer object"})
        shelf.put_all(bucket, _numbered(shelf, files))
        there = set(shelf.keys(bucket))
        root = shelf.write({"at": b""})
        places = {key: root / str(number) for number, key in enumerate(there)}
        shelf.get_all(bucket, places)
        wrong = sorted(k for k in files.keys() | there if k not in there or places[k].read_bytes() != files.get(k))
        expect(
            not wrong,
            did=f"of {len(files)} files that it was given to put, these are missing or differ: {wrong[:5]}",
            contract="put() copies files to the keys that they are named by, whatever the files are called",
            change="copy all of the mapping, and take the key from it, not from the path",
        )

    @since(1, 1)
    def test_put_tells_how_far_it_is(self, shelf: Shelf) -> None:
        """Whoever watches is told of every byte once."""
        files = {"a": b"1" * 1000, "b": b"2" * 50, "empty": b""}
        bucket, told = shelf.bucket(), list[int]()
        shelf.put_all(bucket, _numbered(shelf, files), told)
        expect(
            sum(told) == 1050,
            did=f"1050 bytes were put, and it told of {sum(told)} ({told[:10]})",
            contract="`moved` is told how many bytes have gone over since it was last called",
            change="call moved(n) with the bytes since the last call, not with the total",
        )

    @since(1, 1)
    def test_put_into_a_missing_bucket_is_not_found(self, shelf: Shelf) -> None:
        """A bucket is made by create() alone."""
        with refuses(
            "put() into a bucket that does not exist",
            NotFound,
            contract="NotFound: the thing named does not exist",
            change="raise NotFound, and make buckets in create() only",
        ):
            shelf.put_all(shelf.name(), _numbered(shelf, {"a": b"a"}))

    @since(1, 1)
    def test_get_writes_every_file(self, shelf: Shelf) -> None:
        """All objects come to be files, each at the path that it is named for; directories are made."""
        files = {"a": b"a", "deep/er/b": b"b", "c": b"c"}
        bucket = shelf.bucket({**files, "other": b"other"})
        root = shelf.scratch()
        places = {key: root / "new" / str(number) / "file" for number, key in enumerate(files)}
        shelf.get_all(bucket, places)
        found = {key: path.read_bytes() if path.is_file() else None for key, path in places.items()}
        expect(
            found == files and len(read_tree(root)) == len(files),
            did=f"asked for {sorted(files)} it wrote {found}, and {len(read_tree(root))} files in all",
            contract="get() copies the objects with these keys to files, and directories are made",
            change="copy all of the mapping, and make the directories above each path",
        )

    @since(1, 1)
    def test_get_tells_how_far_it_is(self, shelf: Shelf) -> None:
        """Whoever watches is told of every byte once."""
        bucket = shelf.bucket({"a": b"1" * 1000, "b": b"2" * 50})
        root, told = shelf.scratch(), list[int]()
        root.mkdir(parents=True)
        shelf.get_all(bucket, {"a": root / "a", "b": root / "b"}, told)
        expect(
            sum(told) == 1050,
            did=f"1050 bytes were fetched, and it told of {sum(told)} ({told[:10]})",
            contract="`moved` is told how many bytes have gone over since it was last called",
            change="call moved(n) with the bytes since the last call, not with the total",
        )

    @since(1, 1)
    def test_get_of_a_missing_key_is_not_found(self, shelf: Shelf) -> None:
        """A key that is not there is NotFound, and no file is left in its place."""
        bucket = shelf.bucket({"a": b"a"})
        root = shelf.scratch()
        root.mkdir(parents=True)
        doing, contract = "get() of a key that is not there", "NotFound for a key that is not there"
        change = "let a missing object be NotFound, and write no file before it answers"
        with refuses(doing, NotFound, contract=contract, change=change):
            shelf.get_all(bucket, {"missing": root / "missing"})
        expect(not (root / "missing").exists(), did=f"{doing} left a file", contract=contract, change=change)

    @since(1, 1)
    def test_remove_removes_these_alone(self, shelf: Shelf) -> None:
        """The objects with the keys go; those below them, and others that begin alike, stay."""
        bucket = shelf.bucket({"a": b"a", "a2": b"2", "dir/b": b"b", "dir/c": b"c"})
        self._remove(shelf, bucket, ["a", "dir/b", "dir"])
        found = shelf.keys(bucket)
        expect(
            sorted(found) == ["a2", "dir/c"],
            did=f"asked to remove the keys a, dir/b and dir of a, a2, dir/b and dir/c it left {found}",
            contract="remove() removes the objects with these keys",
            change="take keys as they are, not as prefixes",
        )

    @since(1, 1)
    def test_remove_again_succeeds(self, shelf: Shelf) -> None:
        """Removing what is not there is success."""
        bucket = shelf.bucket({"a": b"a"})
        self._remove(shelf, bucket, ["a"])
        with succeeds(
            "removing an object that is gone already",
            contract="remove() is idempotent: an object that is not there is success",
            change="swallow the provider's not-found",
        ):
            self._remove(shelf, bucket, ["a", "never"])

    @since(1, 1)
    def test_another_installations_objects_are_not_removed(self, shelf: Shelf, neighbour: Storage) -> None:
        """What belongs to another installation stays, whoever asks for its removal by mistake."""
        bucket = shelf.bucket({"theirs": b"theirs"}, storage=neighbour)
        with contextlib.suppress(ProviderError):  # refusing loudly is fine
            self._remove(shelf, bucket, ["theirs"])
        left = shelf.keys(bucket, storage=neighbour)
        expect(
            left == ["theirs"],
            did=f"remove() in another installation's bucket left {left} of ['theirs']",
            contract="a provider never touches what another installation owns",
            change="raise Conflict unless the bucket is marked with services.installation",
        )

    @since(1, 1)
    def test_what_was_stored_is_the_same(self, shelf: Shelf) -> None:
        """A file that was stored, and has not been touched since, need not be copied again."""
        path, thing = self._stored(shelf, b"content")
        os.utime(path, (thing.modified_at.timestamp() - HOUR,) * 2)
        expect(
            shelf.storage.same(path, thing) is True,
            did="same() says that a file differs from the object that it was stored as",
            contract="same() tells whether the file has the content of the object, so that it need not be copied",
            change="compare what the listing tells (checksum, size, time) with the file",
        )

    @since(1, 1)
    def test_what_has_changed_is_not_the_same(self, shelf: Shelf) -> None:
        """A file with other content of the same size, written later, has to be copied."""
        path, thing = self._stored(shelf, b"content")
        path.write_bytes(b"CONTENT")
        os.utime(path, (thing.modified_at.timestamp() + HOUR,) * 2)
        expect(
            shelf.storage.same(path, thing) is False,
            did="same() says that a file is the object although its content has changed since",
            contract="same() tells whether the file has the content of the object",
            change="equal sizes are not enough: compare a checksum, or when both were written",
        )

    @since(1, 1)
    def test_another_size_is_not_the_same(self, shelf: Shelf) -> None:
        """A file of another size has other content, whenever it was written."""
        path, thing = self._stored(shelf, b"content")
        path.write_bytes(b"content, and more")
        os.utime(path, (thing.modified_at.timestamp() - HOUR,) * 2)
        expect(
            shelf.storage.same(path, thing) is False,
            did="same() says that a file is the object although it is longer",
            contract="same() tells whether the file has the content of the object",
            change="compare sizes first",
        )

    @since(1, 1)
    def test_checksums_tell_contents_apart(self, shelf: Shelf) -> None:
        """Where listings tell checksums, different contents have different ones."""
        bucket = shelf.bucket({"a": b"one", "b": b"two"})
        told = {thing.key: thing.checksum for thing in shelf.objects(bucket)}
        expect(
            not any(told.values()) or told["a"] != told["b"],
            did=f"two objects of different content have the checksums {told}",
            contract="`checksum` is of the content; empty when the store tells none",
            change="tell what the store has computed from the content, or nothing",
        )

    def _stored(self, shelf: Shelf, data: bytes) -> tuple[Path, StoredObject]:
        """A file, and the object that it has been stored as."""
        bucket = shelf.bucket()
        path = shelf.write({"file": data}) / "file"
        shelf.put_all(bucket, {"object": path})
        (thing,) = shelf.objects(bucket)
        return path, thing

    def _remove(self, shelf: Shelf, bucket: str, keys: list[str]) -> None:
        try:
            shelf.driver.call(lambda: shelf.storage.remove(bucket, keys), what="remove()")
        except Unsupported:
            pytest.skip("the store cannot remove single objects")


def _numbered(shelf: Shelf, files: Mapping[str, bytes]) -> dict[str, Path]:
    """Files with these contents, whose names say nothing of the keys that they are for."""
    root = shelf.write({str(number): data for number, data in enumerate(files.values())})
    return {key: root / str(number) for number, key in enumerate(files)}
