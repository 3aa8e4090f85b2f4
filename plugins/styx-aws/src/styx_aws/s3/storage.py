"""S3 as a store: ours are made and removed, others are used as far as the credentials reach.

What another installation of Styx has made is read only.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from styx.api import InvalidRequest, Moved, NotFound, PermissionDenied, Services, Storage, StoredObject
from styx_aws.s3 import buckets, fetching, listing, mounting
from styx_aws.s3.account import HANDS, Account, Bucket
from styx_aws.s3.config import S3Settings
from styx_aws.s3.crew import work
from styx_aws.s3.download import Downloads
from styx_aws.s3.drafts import SUFFIX
from styx_aws.s3.parts import matches
from styx_aws.s3.refusals import asking_disk
from styx_aws.s3.upload import uploads
from styx_aws.s3.uri import SCHEME, check_key, check_new_bucket, parse, path_below
from styx_aws.session import Session

_LONGEST = 7 * 86400  # seconds that a signature can hold


class S3Storage(Storage):
    """See :class:`styx.api.Storage`."""

    name: ClassVar[str] = "s3"
    schemes: ClassVar[tuple[str, ...]] = (SCHEME,)

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        config = services.config
        config = config if isinstance(config, S3Settings) else S3Settings.model_validate(config)
        self._account = Account(Session(config.profile), config.region)

    def check(self) -> None:
        """Whether the credentials are good. Who may not list buckets may still use one."""
        with suppress(PermissionDenied):
            self._account.ask("ListBuckets", MaxBuckets=1)

    def create(self, bucket: str) -> None:
        """Make the bucket in the region of the settings or the profile, and mark it with a tag."""
        check_new_bucket(bucket)
        buckets.make(self._account, bucket, self.services.installation)

    def delete(self, bucket: str) -> None:
        """Remove the bucket with all versions of its objects and all unfinished uploads."""
        parse(f"{SCHEME}://{bucket}")
        buckets.remove(self._account, bucket, self.services.installation)

    def buckets(self) -> Iterable[str]:
        """The account's buckets that bear our mark."""
        return buckets.ours(self._account, self.services.installation)

    def list(self, uri: str) -> Iterable[StoredObject]:
        """The objects at or below the key, a page at a time. Their checksum is the ETag, where that is a hash."""
        return self.list_after(uri, "")

    def list_after(self, uri: str, key: str) -> Iterable[StoredObject]:
        """Those whose keys sort after this one: S3 begins with them."""
        place = parse(uri)
        return listing.objects(self._account.bucket(place.bucket), place, key)

    def upload(self, source: Path, uri: str) -> None:
        """Copy a file, or the files below a directory. Links to files are followed, links to directories are not."""
        place = parse(uri)
        if source.is_dir():
            with asking_disk(f"read {source}"):
                files = {place.folder + path.relative_to(source).as_posix(): path for path in _files(source)}
        elif not source.is_file():
            raise InvalidRequest(f"there is no file or directory {source}", field="source")
        elif place.prefix:
            raise InvalidRequest(f"{uri} is a place for directories; a file needs a key of its own", field="uri")
        else:
            files = {place.key: source}
        self.put(place.bucket, files)

    def download(self, uri: str, target: Path) -> None:
        """Copy one object to ``target``, or the objects below a prefix into it."""
        place = parse(uri)
        if not place.prefix:
            check_key(place.key)
            with suppress(NotFound):  # perhaps there is something below; a bucket that is missing is not found again
                self.get(place.bucket, {place.key: target})
                return
        found = [thing.key for thing in self.list(f"{SCHEME}://{place.bucket}/{place.folder}")]
        if not found:
            raise NotFound(f"there is nothing at {uri}")
        paths = {key: path_below(key, place.folder) for key in found}
        self.get(place.bucket, {key: target / path if path else target for key, path in paths.items()})

    def put(self, bucket: str, files: Mapping[str, Path], moved: Moved | None = None) -> None:
        """Copy files to keys. Large ones go in parts, of which those that arrived are not sent again after a kill."""
        for key in files:
            check_key(key)
        work(uploads(self._to_write_to(bucket), files, moved or _unseen), HANDS)

    def get(self, bucket: str, files: Mapping[str, Path], moved: Moved | None = None) -> None:
        """Copy objects to files, with their times. Drafts of large ones are gone on with after a kill."""
        for key in files:
            check_key(key)
        with Downloads(self._account.bucket(bucket), moved or _unseen) as downloads:
            work(downloads.jobs(files), HANDS)

    def remove(self, bucket: str, keys: Collection[str]) -> None:
        """Remove objects, by the thousand. Where the bucket keeps versions they stay, as after any removal."""
        buckets.remove_objects(self._to_write_to(bucket), ({"Key": key} for key in keys))

    def same(self, path: Path, thing: StoredObject) -> bool:
        """By size and ETag; by size and time for objects that are encrypted with keys or were put in other parts."""
        if thing.key.endswith("/"):
            return path.is_dir()
        with asking_disk(f"read {path}"), path.open("rb", buffering=0) as file:
            if os.fstat(file.fileno()).st_size != thing.size:
                return False
            alike = matches(file.fileno(), thing.size, thing.checksum)
        return super().same(path, thing) if alike is None else alike

    def presign(self, uri: str, seconds: int, *, writing: bool = False) -> str:
        """An address that holds for a week at most, and not longer than the credentials that sign it."""
        place = parse(uri)
        check_key(place.key)
        if not 0 < seconds <= _LONGEST:
            raise InvalidRequest(f"an address of S3 holds for 1 to {_LONGEST} seconds, not {seconds}", field="seconds")
        bucket = self._to_write_to(place.bucket) if writing else self._account.bucket(place.bucket)
        return bucket.wire.presign("PUT" if writing else "GET", place.key, seconds)

    def fetch_command(self, uri: str, target: str) -> str | None:
        """Downloads by addresses that hold for an hour, where they are few enough for a command."""
        place = parse(uri)
        found = self.list(uri)
        return fetching.command(self._account.bucket(place.bucket), place, found, target)

    def mount_command(self, uri: str, target: str, *, cached: bool = False, read_only: bool = False) -> str | None:
        """Mountpoint for S3, or rclone with its cache. Brings short-lived credentials unless the node has a role."""
        place = parse(uri)
        if not read_only:
            self._to_write_to(place.bucket)
        return mounting.command(self._account, place, target, cached=cached, read_only=read_only)

    def unmount_command(self, uri: str, target: str, *, cached: bool = False) -> str | None:
        """Waits until rclone has sent what was written, ten minutes at most, and takes the mount away."""
        return mounting.undoing(parse(uri), target, cached=cached)

    def _to_write_to(self, bucket: str) -> Bucket:
        return buckets.to_write_to(self._account, bucket, self.services.installation)


def _unseen(_: int) -> None:
    """Where nobody wants to know how many bytes have moved."""


def _files(directory: Path) -> Iterator[Path]:
    """The ordinary files below a directory, sorted; no drafts of ours."""
    for folder, folders, names in os.walk(directory, onerror=_raise):
        folders.sort()
        paths = (Path(folder, name) for name in sorted(names) if not name.endswith(SUFFIX))
        yield from (path for path in paths if path.is_file())


def _raise(error: OSError) -> None:
    raise error
