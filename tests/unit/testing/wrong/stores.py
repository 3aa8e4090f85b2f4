"""Stores that break one rule each; everything else they do as the reference does."""

# ruff: noqa: D102 - the class says what is wrong with its methods

from __future__ import annotations

import contextlib
import posixpath
import shutil
import socket
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote

from registry import Registry

from styx.api import AuthFailed, Conflict, InvalidRequest, NotFound, Services, StoredObject
from styx.testing.clock import EPOCH
from styx.testing.memory import MemoryStorage
from styx.testing.memory.storage import Bucket, replace_file

WRONG = Registry()


def pause() -> None:
    """Let other threads run; not a sleep that the kit would count."""
    threading.Event().wait(0.002)


class Misstores(MemoryStorage):
    """Puts single files otherwise than the reference."""

    def put(self, objects: dict[str, Any], name: str, data: bytes) -> None:
        """Store one file's bytes."""
        raise NotImplementedError

    def upload(self, source: Path, uri: str) -> None:
        if not source.is_file():
            super().upload(source, uri)
            return
        bucket, key = self._split(uri)
        self.put(self._find(bucket).objects, key, source.read_bytes())

    def stamped(self, data: bytes) -> Any:
        """An object of now."""
        return (data, self.services.clock.now())


class Mislists(MemoryStorage):
    """Lists otherwise than the reference."""

    def changed(self, key: str, found: list[StoredObject], everything: list[StoredObject]) -> list[StoredObject]:
        """What is listed instead of ``found``, of ``everything`` in the bucket."""
        raise NotImplementedError

    def list(self, uri: str) -> Iterable[StoredObject]:
        bucket, key = self._split(uri)
        everything = [*super().list(f"memory://{bucket}/")]
        return self.changed(key, [*super().list(uri)], everything)


# -- the object itself


@WRONG.breaks("test_name_fits_into_commands_and_manifests")
class Shouting(MemoryStorage):
    """A name that nobody can type."""

    name = "Memory Store!"


@WRONG.breaks("test_schemes_are_those_of_uris")
class SchemesAsList(MemoryStorage):
    """Schemes that can be changed."""

    schemes = ["memory"]  # type: ignore[assignment] # noqa: RUF012


@WRONG.breaks("test_making_the_object_needs_no_network")
class ConnectsAtOnce(MemoryStorage):
    """A client made in the constructor."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", 9), timeout=0.2).close()


@WRONG.breaks("test_the_object_can_be_made_again")
class Singleton(MemoryStorage):
    """One object for everybody."""

    made: ClassVar[dict[tuple[int, str], Any]] = {}

    def __new__(cls, services: Services) -> Any:
        key = (id(services.config), services.installation)
        if key not in cls.made:
            cls.made[key] = super().__new__(cls)
        return cls.made[key]


@WRONG.breaks("test_check_succeeds_and_again")
class ChecksOnce(MemoryStorage):
    """Credentials that are good for one call."""

    def check(self) -> None:
        if self.__dict__.setdefault("checked", False):
            raise AuthFailed("the session is over")
        self.checked = True


@WRONG.breaks("test_a_foreign_uri_is_refused")
class AnyScheme(MemoryStorage):
    """Takes every scheme for its own."""

    def _split(self, uri: str) -> tuple[str, str]:
        return super()._split(f"memory://{uri.partition('://')[2]}")


@WRONG.breaks("test_calls_never_sleep")
class Sleeps(MemoryStorage):
    """Waits inside the call."""

    def delete(self, bucket: str) -> None:
        time.sleep(0.001)
        super().delete(bucket)


# -- buckets


@WRONG.breaks("test_create_again_succeeds")
class CreatesOnce(MemoryStorage):
    """A conflict with itself."""

    def create(self, bucket: str) -> None:
        if bucket in self.far.buckets:
            raise Conflict(f"{bucket} is there already")
        super().create(bucket)


@WRONG.breaks("test_create_again_keeps_the_objects")
class CreatesAnew(MemoryStorage):
    """A second create() that empties the bucket."""

    def create(self, bucket: str) -> None:
        super().create(bucket)
        self.far.buckets[bucket] = Bucket(self.services.installation)


@WRONG.breaks("test_another_installations_name_is_a_conflict")
class SharesNames(MemoryStorage):
    """Content with a bucket that somebody else has."""

    def create(self, bucket: str) -> None:
        self.far.buckets.setdefault(bucket, Bucket(self.services.installation))


@WRONG.breaks("test_delete_removes_the_bucket")
class HidesBuckets(MemoryStorage):
    """Deleted buckets are not named any more, and still there."""

    def delete(self, bucket: str) -> None:
        found = self.far.buckets.get(bucket)
        super().delete(bucket)
        if found is not None:
            found.objects.clear()
            self.far.buckets[bucket] = found
            self.far.__dict__.setdefault("hidden", set()).add(bucket)

    def buckets(self) -> Iterable[str]:
        return [name for name in super().buckets() if name not in self.far.__dict__.get("hidden", ())]


@WRONG.breaks("test_delete_of_a_missing_bucket_succeeds")
class DeletesOnce(MemoryStorage):
    """Complains of what is gone."""

    def delete(self, bucket: str) -> None:
        if bucket not in self.far.buckets:
            raise NotFound(f"there is no bucket {bucket}")
        super().delete(bucket)


@WRONG.breaks("test_a_bucket_made_anew_is_empty")
class KeepsObjects(MemoryStorage):
    """Objects that come back with the bucket's name."""

    def delete(self, bucket: str) -> None:
        if bucket in self.far.buckets:
            self.far.__dict__.setdefault("trash", {})[bucket] = self.far.buckets[bucket].objects
        super().delete(bucket)

    def create(self, bucket: str) -> None:
        super().create(bucket)
        self.far.buckets[bucket].objects.update(self.far.__dict__.get("trash", {}).get(bucket, {}))


@WRONG.breaks("test_another_installations_bucket_is_not_deleted")
class DeletesAnything(MemoryStorage):
    """Does not ask whose it is."""

    def delete(self, bucket: str) -> None:
        self.far.buckets.pop(bucket, None)


@WRONG.breaks("test_buckets_names_our_own")
class FirstBucket(MemoryStorage):
    """The first page of a listing."""

    def buckets(self) -> Iterable[str]:
        return sorted(super().buckets())[:1]


@WRONG.breaks("test_buckets_leaves_others_out")
class EverybodysBuckets(MemoryStorage):
    """All that the account holds."""

    def buckets(self) -> Iterable[str]:
        return sorted(self.far.buckets)


@WRONG.breaks("test_buckets_leaves_deleted_ones_out")
class RemembersBuckets(MemoryStorage):
    """A list of its own of what was made."""

    def create(self, bucket: str) -> None:
        super().create(bucket)
        self.__dict__.setdefault("made", set()).add(bucket)

    def buckets(self) -> Iterable[str]:
        return sorted({*super().buckets(), *self.__dict__.get("made", ())})


# -- uploads


@WRONG.breaks("test_an_uploaded_file_comes_back")
class TextMode(Misstores):
    """Bytes that are no text do not survive."""

    def put(self, objects: dict[str, Any], name: str, data: bytes) -> None:
        objects[name] = self.stamped(data.decode(errors="replace").encode())


@WRONG.breaks("test_empty_files_are_objects")
class SkipsEmpty(Misstores):
    """Tests contents for truth."""

    def put(self, objects: dict[str, Any], name: str, data: bytes) -> None:
        if data:
            objects[name] = self.stamped(data)


@WRONG.breaks("test_upload_replaces")
class NeverTruncates(Misstores):
    """The tail of a longer (small) object stays."""

    def put(self, objects: dict[str, Any], name: str, data: bytes) -> None:
        old = objects[name][0] if name in objects else b""
        objects[name] = self.stamped(data + old[len(data) :] if len(old) < 4096 else data)


@WRONG.breaks("test_a_directorys_contents_go_below_the_key")
class NoDotFiles(MemoryStorage):
    """``*`` where everything is meant."""

    def upload(self, source: Path, uri: str) -> None:
        super().upload(source, uri)
        bucket, key = self._split(uri)
        for path in source.glob(".*") if source.is_dir() else ():
            if path.is_file():
                del self._find(bucket).objects[f"{key}{path.name}"]


@WRONG.breaks("test_a_directory_can_go_to_the_top")
class SlashFirst(MemoryStorage):
    """A slash before the keys of files at the top."""

    def upload(self, source: Path, uri: str) -> None:
        super().upload(source, uri)
        bucket, key = self._split(uri)
        objects = self._find(bucket).objects
        for name in [name for name in objects if "/" not in name] if source.is_dir() and not key else ():
            objects[f"/{name}"] = objects.pop(name)


@WRONG.breaks("test_a_directory_needs_no_slash")
class NoSlash(MemoryStorage):
    """A key and a path, joined with nothing in between."""

    def upload(self, source: Path, uri: str) -> None:
        bucket, key = self._split(uri)
        if not source.is_dir() or key.endswith("/") or not key:
            super().upload(source, uri)
            return
        for path in source.rglob("*"):
            super().upload(path, f"memory://{bucket}/{key}{path.relative_to(source)}")


@WRONG.breaks("test_upload_leaves_others_alone")
class Synchronises(MemoryStorage):
    """Removes what the source does not have."""

    def upload(self, source: Path, uri: str) -> None:
        bucket, key = self._split(uri)
        if source.is_dir() and key:
            objects = self._find(bucket).objects
            for name in [name for name in objects if name.startswith(key)]:
                del objects[name]
        super().upload(source, uri)


@WRONG.breaks("test_odd_keys_survive")
class Unquotes(MemoryStorage):
    """Takes a key for a piece of a URL, on the way back."""

    def download(self, uri: str, target: Path) -> None:
        super().download(unquote(uri), target)


@WRONG.breaks("test_upload_to_a_missing_bucket_is_not_found")
class MakesBuckets(MemoryStorage):
    """A bucket for every slip."""

    def upload(self, source: Path, uri: str) -> None:
        bucket, _ = self._split(uri)
        self.create(bucket)
        super().upload(source, uri)


@WRONG.breaks("test_upload_of_nothing_is_refused")
class UploadsNothing(MemoryStorage):
    """Silent when there is no source."""

    def upload(self, source: Path, uri: str) -> None:
        if source.exists():
            super().upload(source, uri)


@WRONG.breaks("test_trees_survive_the_round_trip")
class TwentyFiles(MemoryStorage):
    """The first page of a tree."""

    def download(self, uri: str, target: Path) -> None:
        bucket, _ = self._split(uri)
        objects = self._find(bucket).objects
        kept = dict(list(objects.items())[:20])
        away = {name: objects.pop(name) for name in list(objects) if name not in kept and uri.endswith("/")}
        try:
            super().download(uri, target)
        finally:
            objects.update(away)


# -- listings


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


# -- downloads


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


# -- more than one at a time


@WRONG.breaks("test_a_fresh_object_sees_the_same")
class Remembers(MemoryStorage):
    """Lists what this object stored, not what is there."""

    def upload(self, source: Path, uri: str) -> None:
        self.__dict__["stored"] = True
        super().upload(source, uri)

    def list(self, uri: str) -> Iterable[StoredObject]:
        found = super().list(uri)
        return found if self.__dict__.get("stored") or not found else []


@WRONG.breaks("test_threads_do_not_disturb_each_other")
class SharedKey(Misstores):
    """The key of the call, kept on the object."""

    key = ""

    def put(self, objects: dict[str, Any], name: str, data: bytes) -> None:
        self.key = name
        pause()
        objects[self.key] = self.stamped(data)


@WRONG.breaks("test_readers_never_see_half_an_object")
class InPieces(Misstores):
    """Half an object first."""

    def put(self, objects: dict[str, Any], name: str, data: bytes) -> None:
        if len(data) > 4096:
            objects[name] = self.stamped(data[: len(data) // 2])
            pause()
        objects[name] = self.stamped(data)


@WRONG.breaks("test_writers_of_one_key_leave_one_version")
class OneTemporaryName(Misstores):
    """Everybody writes the same temporary object."""

    def put(self, objects: dict[str, Any], name: str, data: bytes) -> None:
        parts = self.far.__dict__.setdefault("parts", {})
        parts[name] = bytearray()
        for start in range(0, len(data), 1 << 16):
            parts[name] += data[start : start + (1 << 16)]
            pause()
        objects[name] = self.stamped(bytes(parts[name]))
