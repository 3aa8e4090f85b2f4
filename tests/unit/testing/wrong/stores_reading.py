"""Stores that break a rule about what is there, what is taken away, and about sharing."""

# ruff: noqa: D102 - the class says what is wrong with its methods

from __future__ import annotations

import contextlib
import posixpath
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from stores_base import WRONG, Mislists, Misstores, pause

from styx.api import InvalidRequest, Moved, NotFound, StoredObject
from styx.testing.clock import EPOCH
from styx.testing.memory import MemoryStorage
from styx.testing.memory.storage import replace_file


@WRONG.breaks("test_objects_are_whole_and_typed")
class LocalTime(Mislists):
    """Times without a zone."""

    def changed(self, key: str, found: list[StoredObject], everything: list[StoredObject]) -> list[StoredObject]:
        return [replace(one, modified_at=one.modified_at.replace(tzinfo=None)) for one in found]


@WRONG.breaks("test_times_are_those_of_writing")
class BackwardTime(Mislists):
    """Later is earlier."""

    def changed(self, key: str, found: list[StoredObject], everything: list[StoredObject]) -> list[StoredObject]:
        return [replace(one, modified_at=EPOCH - (one.modified_at - EPOCH) + timedelta()) for one in found]


@WRONG.breaks("test_keys_are_relative_to_the_bucket")
class CutsCommonPrefix(Mislists):
    """Keys without what all objects have in common."""

    def changed(self, key: str, found: list[StoredObject], everything: list[StoredObject]) -> list[StoredObject]:
        common = bool(key.endswith("/") and all(one.key.startswith(key) for one in everything))
        return [replace(one, key=one.key.removeprefix(key)) for one in found] if common else found


@WRONG.breaks("test_listings_are_sorted")
class AsWritten(Mislists):
    """The order of writing, backwards."""

    def changed(self, key: str, found: list[StoredObject], everything: list[StoredObject]) -> list[StoredObject]:
        return found[::-1]


@WRONG.breaks("test_every_object_is_listed_once")
class FirstPage(Mislists):
    """Fifty objects at most."""

    def changed(self, key: str, found: list[StoredObject], everything: list[StoredObject]) -> list[StoredObject]:
        return found[:50]


@WRONG.breaks("test_a_prefix_lists_all_below_it")
class OneLevel(Mislists):
    """What is directly there, if anything is."""

    def changed(self, key: str, found: list[StoredObject], everything: list[StoredObject]) -> list[StoredObject]:
        near = [one for one in found if "/" not in one.key.removeprefix(key)]
        return near if near and key.endswith("/") else found


@WRONG.breaks("test_a_prefix_ends_at_a_slash")
class Letters(Mislists):
    """A prefix of letters, where there is no such object."""

    def changed(self, key: str, found: list[StoredObject], everything: list[StoredObject]) -> list[StoredObject]:
        if any(one.key == key for one in found):
            return found
        return [one for one in everything if one.key.startswith(key)]


@WRONG.breaks("test_without_a_slash_it_lists_what_is_below_too")
class ExactOnly(Mislists):
    """Only the object itself, unless there is a slash."""

    def changed(self, key: str, found: list[StoredObject], everything: list[StoredObject]) -> list[StoredObject]:
        return found if not key or key.endswith("/") else [one for one in found if one.key == key]


@WRONG.breaks("test_an_objects_own_key_lists_it")
class Neighbours(Mislists):
    """An object and all whose keys begin like its own."""

    def changed(self, key: str, found: list[StoredObject], everything: list[StoredObject]) -> list[StoredObject]:
        exact = any(one.key == key for one in found)
        return [one for one in everything if one.key.startswith(key)] if exact else found


@WRONG.breaks("test_a_listing_begins_after_any_key")
class BeginsAtTheKey(MemoryStorage):
    """The object of the key comes once more."""

    def list_after(self, uri: str, key: str) -> Iterable[StoredObject]:
        return [one for one in self.list(uri) if one.key >= key]


@WRONG.breaks("test_an_empty_prefix_is_empty")
class EmptyIsMissing(Mislists):
    """An error where nothing is."""

    def changed(self, key: str, found: list[StoredObject], everything: list[StoredObject]) -> list[StoredObject]:
        if key and not found:
            raise NotFound(f"there is nothing at {key}")
        return found


@WRONG.breaks("test_a_missing_bucket_is_not_found")
class MissingIsEmpty(MemoryStorage):
    """Nothing, where there never was a bucket."""

    def create(self, bucket: str) -> None:
        super().create(bucket)
        self.far.__dict__.setdefault("known", set()).add(bucket)

    def list(self, uri: str) -> Iterable[StoredObject]:
        bucket, _ = self._split(uri)
        return super().list(uri) if bucket in self.far.__dict__.get("known", ()) else []


@WRONG.breaks("test_one_object_becomes_one_file")
class NeedsDirectories(MemoryStorage):
    """Does not make the directory of a single file."""

    def download(self, uri: str, target: Path) -> None:
        bucket, key = self._split(uri)
        if key in self._find(bucket).objects:
            target.write_bytes(self._find(bucket).objects[key][0])
        else:
            super().download(uri, target)


@WRONG.breaks("test_a_file_that_is_there_is_replaced")
class Overwrites(MemoryStorage):
    """Writes into the file that is there, and does not cut it."""

    def download(self, uri: str, target: Path) -> None:
        old = target.read_bytes() if target.is_file() else b""
        super().download(uri, target)
        if len(old) > target.stat().st_size:
            replace_file(target, target.read_bytes() + old[target.stat().st_size :])


@WRONG.breaks("test_a_prefix_becomes_a_directory")
class Strips(MemoryStorage):
    """``lstrip`` where ``removeprefix`` is meant."""

    def download(self, uri: str, target: Path) -> None:
        bucket, key = self._split(uri)
        if not key.endswith("/"):
            super().download(uri, target)
            return
        below = {n: data for n, (data, _) in self._find(bucket).objects.items() if n.startswith(key)}
        if not below:
            raise NotFound(f"there is nothing at {uri}")
        for name, data in below.items():
            replace_file(target / name.lstrip(key), data)


@WRONG.breaks("test_a_whole_bucket_can_be_downloaded")
class NoWholeBucket(MemoryStorage):
    """Takes an empty key for a mistake."""

    def download(self, uri: str, target: Path) -> None:
        if not self._split(uri)[1]:
            raise NotFound(f"{uri} names no object")
        super().download(uri, target)


@WRONG.breaks("test_what_is_in_the_directory_stays")
class ClearsTheTarget(MemoryStorage):
    """An empty directory first."""

    def download(self, uri: str, target: Path) -> None:
        if target.is_dir():
            shutil.rmtree(target)
        super().download(uri, target)


@WRONG.breaks("test_nothing_there_is_not_found")
class SilentOnNothing(MemoryStorage):
    """Success where there is nothing to copy."""

    def download(self, uri: str, target: Path) -> None:
        self._find(self._split(uri)[0])
        with contextlib.suppress(NotFound):
            super().download(uri, target)


@WRONG.breaks("test_download_from_a_missing_bucket_is_not_found")
class MissingIsInvalid(MemoryStorage):
    """The wrong word for a bucket that is not there."""

    def download(self, uri: str, target: Path) -> None:
        if self._split(uri)[0] not in self.far.buckets:
            raise InvalidRequest(f"{uri}: no such bucket", field="uri")
        super().download(uri, target)


def resolved(uri: str) -> str:
    """A URI as a file system would take it."""
    scheme, _, rest = uri.partition("://")
    return f"{scheme}://{posixpath.normpath(rest)}{'/' if rest.endswith('/') else ''}"


@WRONG.breaks("test_no_uri_reads_another_bucket")
class ReadsThroughDots(MemoryStorage):
    """Dots that lead out of the bucket."""

    def download(self, uri: str, target: Path) -> None:
        super().download(resolved(uri) if ".." in uri.split("/") else uri, target)


@WRONG.breaks("test_no_uri_writes_another_bucket")
class WritesThroughDots(MemoryStorage):
    """Dots that lead into another bucket."""

    def upload(self, source: Path, uri: str) -> None:
        outward = uri.partition("://")[2].partition("/")[2].startswith("../")
        super().upload(source, resolved(uri) if outward else uri)


@WRONG.breaks("test_no_key_leaves_the_target")
class TakesDotsAsTheyAre(MemoryStorage):
    """Dots are letters when going up and directories when coming down."""

    def _split(self, uri: str) -> tuple[str, str]:
        bucket, _, key = uri.removeprefix("memory://").partition("/")
        return super()._split(uri) if ".." not in key.split("/") else (bucket, key)


@WRONG.breaks("test_fetch_command_fetches")
class FetchesNothing(MemoryStorage):
    """A command that does nothing."""

    def fetch_command(self, uri: str, target: str) -> str | None:
        return "true"


@WRONG.breaks("test_a_fresh_object_sees_the_same")
class Remembers(MemoryStorage):
    """Lists what this object stored, not what is there."""

    def upload(self, source: Path, uri: str) -> None:
        self.__dict__["stored"] = True
        super().upload(source, uri)

    def put(self, bucket: str, files: Mapping[str, Path], moved: Moved | None = None) -> None:
        self.__dict__["stored"] = True
        super().put(bucket, files, moved)

    def list(self, uri: str) -> Iterable[StoredObject]:
        found = super().list(uri)
        return found if self.__dict__.get("stored") or not found else []


@WRONG.breaks("test_threads_do_not_disturb_each_other")
class SharedKey(Misstores):
    """The key of the call, kept on the object."""

    key = ""

    def keep(self, objects: dict[str, Any], name: str, data: bytes) -> None:
        self.key = name
        pause()
        objects[self.key] = self.stamped(data)


@WRONG.breaks("test_readers_never_see_half_an_object")
class InPieces(Misstores):
    """Half an object first."""

    def keep(self, objects: dict[str, Any], name: str, data: bytes) -> None:
        if len(data) > 4096:
            objects[name] = self.stamped(data[: len(data) // 2])
            pause()
        objects[name] = self.stamped(data)


@WRONG.breaks("test_writers_of_one_key_leave_one_version")
class OneTemporaryName(Misstores):
    """Everybody writes the same temporary object."""

    def keep(self, objects: dict[str, Any], name: str, data: bytes) -> None:
        parts = self.far.__dict__.setdefault("parts", {})
        parts[name] = bytearray()
        for start in range(0, len(data), 1 << 16):
            parts[name] += data[start : start + (1 << 16)]
            pause()
        objects[name] = self.stamped(bytes(parts[name]))
