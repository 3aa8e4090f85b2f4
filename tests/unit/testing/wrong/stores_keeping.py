"""Stores that break a rule about themselves, their buckets, or what is brought there."""

# ruff: noqa: D102 - the class says what is wrong with its methods

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import making
from stores_base import WRONG, Misstores

from styx.api import AuthFailed, Conflict, NotFound
from styx.testing.memory import MemoryStorage
from styx.testing.memory.storage import Bucket


@WRONG.breaks("test_name_fits_into_commands_and_manifests")
class Shouting(MemoryStorage):
    """A name that nobody can type."""

    name = "Memory Store!"


@WRONG.breaks("test_schemes_are_those_of_uris")
class SchemesAsList(MemoryStorage):
    """Schemes that can be changed."""

    schemes = ["memory"]  # type: ignore[assignment] # noqa: RUF012


@WRONG.breaks("test_making_the_object_needs_no_network")
class ConnectsAtOnce(making.ConnectsAtOnce, MemoryStorage):
    """A client made in the constructor."""


@WRONG.breaks("test_the_object_can_be_made_again")
class Singleton(making.Singleton, MemoryStorage):
    """One object for everybody."""


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


@WRONG.breaks("test_an_uploaded_file_comes_back")
class TextMode(Misstores):
    """Bytes that are no text do not survive."""

    def keep(self, objects: dict[str, Any], name: str, data: bytes) -> None:
        objects[name] = self.stamped(data.decode(errors="replace").encode())


@WRONG.breaks("test_empty_files_are_objects")
class SkipsEmpty(Misstores):
    """Tests contents for truth."""

    def keep(self, objects: dict[str, Any], name: str, data: bytes) -> None:
        if data:
            objects[name] = self.stamped(data)


@WRONG.breaks("test_upload_replaces")
class NeverTruncates(Misstores):
    """The tail of a longer (small) object stays."""

    def keep(self, objects: dict[str, Any], name: str, data: bytes) -> None:
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
