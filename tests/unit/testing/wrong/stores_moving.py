"""Stores that break a rule about many files at once, or about ways to objects that lead past core."""

# ruff: noqa: D102 - the class says what is wrong with its methods

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from stores_base import WRONG, Mislists

from styx.api import Moved, NotFound, StoredObject
from styx.testing.memory import MemoryStorage

Files = Mapping[str, Path]


@WRONG.breaks("test_put_stores_every_file")
class TenFiles(MemoryStorage):
    """Ten files, and no more."""

    def put(self, bucket: str, files: Files, moved: Moved | None = None) -> None:
        super().put(bucket, dict(list(files.items())[:10]), moved)


@WRONG.breaks("test_put_tells_how_far_it_is")
class TellsTotals(MemoryStorage):
    """Tells how much has gone over since the beginning."""

    def put(self, bucket: str, files: Files, moved: Moved | None = None) -> None:
        total = 0

        def more(count: int) -> None:
            nonlocal total
            total += count
            if moved is not None:
                moved(total)

        super().put(bucket, files, more)


@WRONG.breaks("test_put_into_a_missing_bucket_is_not_found")
class PutsAnywhere(MemoryStorage):
    """A bucket for whoever puts something there."""

    def put(self, bucket: str, files: Files, moved: Moved | None = None) -> None:
        self.create(bucket)
        super().put(bucket, files, moved)


@WRONG.breaks("test_get_writes_every_file")
class GetsIntoNoDirectory(MemoryStorage):
    """Leaves out files whose directories are not there."""

    def get(self, bucket: str, files: Files, moved: Moved | None = None) -> None:
        super().get(bucket, {key: path for key, path in files.items() if path.parent.is_dir()}, moved)


@WRONG.breaks("test_get_tells_how_far_it_is")
class GetsInSilence(MemoryStorage):
    """Tells nothing of what it fetches."""

    def get(self, bucket: str, files: Files, moved: Moved | None = None) -> None:
        super().get(bucket, files)


@WRONG.breaks("test_get_of_a_missing_key_is_not_found")
class GetsNothing(MemoryStorage):
    """An empty file for what is not there."""

    def get(self, bucket: str, files: Files, moved: Moved | None = None) -> None:
        for key, path in files.items():
            try:
                super().get(bucket, {key: path}, moved)
            except NotFound:
                path.write_bytes(b"")


@WRONG.breaks("test_remove_removes_these_alone")
class RemovesPrefixes(MemoryStorage):
    """Takes a key for the beginning of one."""

    def remove(self, bucket: str, keys: Collection[str]) -> None:
        every = list(self._find(bucket).objects)
        super().remove(bucket, [name for name in every if name.startswith(tuple(keys))])


@WRONG.breaks("test_remove_again_succeeds")
class RemovesOnce(MemoryStorage):
    """Complains where nothing of what it is to remove is there."""

    def remove(self, bucket: str, keys: Collection[str]) -> None:
        if not set(keys) & set(self._find(bucket).objects):
            raise NotFound(f"there are no {keys}")
        super().remove(bucket, keys)


@WRONG.breaks("test_another_installations_objects_are_not_removed")
class RemovesOthers(MemoryStorage):
    """Does not look whose bucket it is."""

    def remove(self, bucket: str, keys: Collection[str]) -> None:
        for key in keys:
            self.far.buckets[bucket].objects.pop(key, None)


@WRONG.breaks("test_what_was_stored_is_the_same")
class NeverSame(MemoryStorage):
    """Copies everything, to be safe."""

    def same(self, path: Path, thing: StoredObject) -> bool:
        return False


@WRONG.breaks("test_what_has_changed_is_not_the_same")
class SameSize(MemoryStorage):
    """The size alone."""

    def same(self, path: Path, thing: StoredObject) -> bool:
        return path.stat().st_size == thing.size


@WRONG.breaks("test_another_size_is_not_the_same")
class SameTime(MemoryStorage):
    """The time alone."""

    def same(self, path: Path, thing: StoredObject) -> bool:
        return path.stat().st_mtime <= thing.modified_at.timestamp()


@WRONG.breaks("test_checksums_tell_contents_apart")
class OneChecksum(Mislists):
    """A checksum of something else."""

    def changed(self, key: str, found: list[StoredObject], everything: list[StoredObject]) -> list[StoredObject]:
        return [replace(one, checksum="d41d8cd98f00b204") for one in found]


@WRONG.breaks("test_a_presigned_address_reads")
class NowhereToRead(MemoryStorage):
    """An address at which nobody answers."""

    def presign(self, uri: str, seconds: int, *, writing: bool = False) -> str:
        return "http://127.0.0.1:9/object"


@WRONG.breaks("test_what_is_not_mounted_can_be_unmounted")
class UnmountsWithoutALook(MemoryStorage):
    """Takes for granted that something is mounted."""

    def unmount_command(self, uri: str, target: str, *, cached: bool = False) -> str | None:
        return f"rmdir {target}"


@WRONG.breaks("test_a_mount_shows_and_takes_files")
class MountsNothing(MemoryStorage):
    """A directory of no bucket."""

    def mount_command(self, uri: str, target: str, *, cached: bool = False, read_only: bool = False) -> str | None:
        return f"mkdir -p {target}"
