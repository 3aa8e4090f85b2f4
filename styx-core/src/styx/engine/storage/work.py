"""Everything Styx can do to files in stores, as asynchronous calls on one object."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path

from styx.api.errors import BadInput, NotFound, StyxError
from styx.api.storage import Moved, Storage, StoredObject
from styx.engine.context import Context
from styx.engine.storage import ends, planning, transfer
from styx.engine.storage.planning import Mode
from styx.engine.storage.stores import Stores
from styx.engine.storage.transfer import Transfer
from styx.engine.storage.uri import Uri, is_uri
from styx.store.seen import note_buckets, seen_buckets
from styx.transports.together import together

COUNTED = 1000  # objects of a bucket, up to which it is told what they come to

__all__ = ["BucketInfo", "Found", "Mode", "StorageWork", "Transfer"]


@dataclass(frozen=True, slots=True)
class BucketInfo:
    """A bucket of this installation. Numbers are None where it has too many objects to count them by the way."""

    store: str
    uri: str
    objects: int | None = None
    size: int | None = None  # bytes
    modified_at: datetime | None = None  # of the newest object


@dataclass(frozen=True, slots=True)
class Found:
    """Objects that a URI names: it alone, or with ``recursive`` all below it."""

    storage: Storage
    place: Uri
    objects: tuple[StoredObject, ...]

    @property
    def size(self) -> int:
        """Of all together, in bytes."""
        return sum(thing.size for thing in self.objects)


class StorageWork:
    """The stores of one installation, used. From one event loop, like the engine."""

    def __init__(self, context: Context) -> None:
        self.stores = Stores(context)
        self._home = context.home

    async def buckets(self) -> tuple[list[BucketInfo], dict[str, StyxError]]:
        """This installation's buckets in all stores, by URI; and why some stores could not be asked, by name."""
        named, problems = await self._named()
        found = await together(self._info(storage, name) for storage, names in named for name in names)
        note_buckets(self._home, (bucket.uri for bucket in found))
        return sorted(found, key=lambda bucket: bucket.uri), problems

    async def _named(self) -> tuple[list[tuple[Storage, list[str]]], dict[str, StyxError]]:
        """The names of our buckets by store, all asked at once; and why some could not be."""
        usable, problems = self.stores.usable()
        answers = await asyncio.gather(*map(self.stores.buckets, usable), return_exceptions=True)
        named: list[tuple[Storage, list[str]]] = []
        for storage, answer in zip(usable, answers, strict=True):
            if isinstance(answer, StyxError):
                problems[storage.name] = answer
            elif isinstance(answer, BaseException):
                raise answer
            else:
                named.append((storage, answer))
        return named, problems

    async def _info(self, storage: Storage, bucket: str) -> BucketInfo:
        uri = f"{storage.schemes[0]}://{bucket}"
        try:
            objects = await self.stores.objects(storage, uri, most=COUNTED + 1)
        except NotFound:  # it has just gone
            objects = []
        if len(objects) > COUNTED:
            return BucketInfo(storage.name, uri)
        newest = max((thing.modified_at for thing in objects), default=None)
        return BucketInfo(storage.name, uri, len(objects), sum(thing.size for thing in objects), newest)

    async def objects(self, uri: str, most: int | None = None, after: str = "") -> list[StoredObject]:
        """The objects at or below a URI, by key; or ``most`` of them, the first behind the key ``after``.

        No others are in memory then, as far as the store lists them one by one. Raises NotFound for a bucket that is
        not there.
        """
        place = Uri.parse(uri)
        return await self.stores.objects(self.stores.of(uri), str(place), most, after)

    async def plan(self, source: str, target: str, mode: Mode, base: Path | None = None) -> Transfer:
        """What copying or synchronising comes to; nothing is done yet. Paths are relative to ``base``, or to here."""
        return await planning.transfer(self.stores, _absolute(source, base), _absolute(target, base), mode)

    async def carry_out(self, planned: Transfer, moved: Moved) -> None:
        """Do what was planned; ``moved`` is told of bytes that have gone over, from any thread."""
        await transfer.carry_out(self.stores, planned, moved)

    async def find(self, uri: str, *, recursive: bool = False) -> Found:
        """What a URI names, to be removed. Raises NotFound where there is nothing, BadInput for more than is meant."""
        place, storage = Uri.parse(uri), self.stores.of(uri)
        if not recursive:
            single = await ends.one(self.stores, storage, place)
            if single is None:
                raise BadInput(f"{place} is no single object", hint="Add -r for all below it.")
            return Found(storage, place, tuple(single.objects.values()))
        found = await self.stores.objects(storage, str(place))
        if not found and place.key:
            raise NotFound(f"there is nothing at or below {place}", hint="`styx storage ls` shows what is there.")
        return Found(storage, place, tuple(found))

    async def remove(self, found: Found) -> None:
        """Remove objects. Idempotent."""
        keys = [thing.key for thing in found.objects]
        for start in range(0, len(keys), transfer.FILES_AT_ONCE):
            batch = keys[start : start + transfer.FILES_AT_ONCE]
            await self.stores.call(found.storage, found.storage.remove, found.place.bucket, batch)

    async def create(self, uri: str) -> None:
        """Make a bucket. Idempotent for our own; raises Conflict when somebody else has the name."""
        place = bucket_of(uri)
        storage = self.stores.of(uri)
        await self.stores.call(storage, storage.create, place.bucket)
        note_buckets(self._home, {*seen_buckets(self._home), str(place)})

    async def named(self, words: Sequence[str], *, everything: bool = False) -> list[str]:
        """The URIs of the buckets that are meant: by URI, by name, or by a pattern of names in whatever store.

        Raises NotFound for a name that no bucket of ours has, and BadInput for one that buckets of several stores have.
        """
        found: dict[str, None] = {}
        ours: list[str] = []
        problems: dict[str, StyxError] = {}
        if everything or not all(map(is_uri, words)):
            named, problems = await self._named()
            ours = [str(Uri(storage.schemes[0], name)) for storage, names in named for name in names]
        for word in words:
            if is_uri(word):
                found[str(bucket_of(word))] = None
                continue
            matching = [uri for uri in ours if fnmatchcase(Uri.parse(uri).bucket, word)]
            if not matching:
                unasked = f" {', '.join(problems)} could not be asked." if problems else ""
                hint = f"`styx storage ls` lists the buckets.{unasked}"
                raise NotFound(f"no bucket of ours is called {word!r}", hint=hint)
            if len(matching) > 1 and not set(word) & set("*?["):
                raise BadInput(f"{word!r} is the name of several buckets", hint=f"Write one of {', '.join(matching)}.")
            found |= dict.fromkeys(matching)
        return list(dict.fromkeys(ours)) if everything else list(found)

    async def delete(self, uri: str) -> None:
        """Remove a bucket and all in it. A bucket that is not there is success."""
        place = bucket_of(uri)
        storage = self.stores.of(uri)
        await self.stores.call(storage, storage.delete, place.bucket)
        note_buckets(self._home, {*seen_buckets(self._home)} - {str(place)})

    async def presign(self, uri: str, seconds: int, *, writing: bool = False) -> str:
        """An address for one object that works for so long. Raises Unsupported where there are none."""
        place, storage = Uri.parse(uri), self.stores.of(uri)
        if not place.key or place.key.endswith("/"):
            raise BadInput(f"{place} names no single object")

        def presign() -> str:
            return storage.presign(str(place), seconds, writing=writing)

        return await self.stores.call(storage, presign)

    async def read(self, uri: str, most: int) -> bytes:
        """The content of one small object. Raises BadInput for one that is larger than ``most`` bytes, NotFound."""
        import tempfile

        found = await self.find(uri)
        if found.size > most:
            raise BadInput(f"{uri} has {found.size} bytes, more than the {most} that are read here")
        with tempfile.TemporaryDirectory(prefix="styx-read-") as scratch:
            path = Path(scratch, "object")
            key = found.objects[0].key
            await self.stores.call(found.storage, found.storage.get, found.place.bucket, {key: path})
            return path.read_bytes()


def bucket_of(uri: str) -> Uri:
    """A URI that names a whole bucket. Raises BadInput for one with a key."""
    place = Uri.parse(uri)
    if place.key:
        raise BadInput(
            f"{uri} names something in a bucket, not a bucket",
            hint=f"The bucket is {place.scheme}://{place.bucket}; `styx storage rm` removes what is in one.",
        )
    return place


def _absolute(text: str, base: Path | None) -> str:
    """A path made absolute; a slash at its end, which says that it is a directory, stays."""
    if is_uri(text):
        return text
    path = Path(text).expanduser()
    return f"{(base or Path.cwd()) / path}{'/' if text.endswith('/') else ''}"
