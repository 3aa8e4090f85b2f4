"""From two places as somebody writes them to a transfer: what each names, and what differs between them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from styx.api.errors import BadInput, NotFound
from styx.engine.storage import ends
from styx.engine.storage.ends import End, LocalEnd, StoreEnd
from styx.engine.storage.plan import Plan, parents, plan
from styx.engine.storage.stores import CALLS_AT_ONCE, Stores
from styx.engine.storage.transfer import Transfer, require_room, require_tree
from styx.engine.storage.uri import Uri, is_uri
from styx.transports.together import together


class Mode(NamedTuple):
    """How to copy: all that is below, only what changed, and whether what the source lacks is removed."""

    recursive: bool = False
    sync: bool = False
    delete: bool = False


async def transfer(stores: Stores, source: str, target: str, mode: Mode) -> Transfer:
    """What is to be done; nothing is yet. Paths are absolute.

    Raises BadInput for what cannot be meant, NotFound where there is nothing to copy, and provider errors.
    """
    if not (is_uri(source) or is_uri(target)):
        raise BadInput(
            f"neither {source} nor {target} is in a store", hint="Write SCHEME://BUCKET/KEY; `cp` copies paths."
        )
    if is_uri(source) and is_uri(target):
        _require_apart(Uri.parse(source), Uri.parse(target), mode)
    came_from, single = await _source(stores, source, mode)
    if single:
        goes_to, name = _place_of_one(stores, target, next(iter(came_from.sizes)))
        return Transfer(ends.renamed(came_from, name), goes_to, Plan((name,)))
    return await between(stores, came_from, await _target(stores, target, mode), mode)


async def between(stores: Stores, source: End, target: End, mode: Mode) -> Transfer:
    """What is to be done that the target has what the source has."""
    same = await _same(stores, source, target) if mode.sync else frozenset[str]()
    kept = [ends.kept_by(end.root) for end in (source, target) if mode.delete and isinstance(end, LocalEnd)]
    if isinstance(source, LocalEnd) and source.left_out:
        kept.append(partial(_is_at, frozenset(source.left_out)))  # a link whose disk is not mounted has not gone
    found = plan(
        source.sizes,
        target.sizes,
        same.__contains__,
        delete=mode.delete,
        kept=lambda name: any(keeps(name) for keeps in kept),
    )
    if isinstance(target, LocalEnd):
        assert isinstance(source, StoreEnd)
        ends.require_paths(source.objects, source.place)
        require_tree(found, str(source.place))
        require_room(target, found)
    return Transfer(source, target, found)


def _is_at(places: Collection[str], name: str) -> bool:
    return name in places or any(above in places for above in parents(name))


def _require_apart(source: Uri, target: Uri, mode: Mode) -> None:
    """Raise BadInput for places of which one is in the other, where that would be copying in a circle."""
    if (source.scheme, source.bucket) != (target.scheme, target.bucket):
        return
    if source.below == target.below:
        raise BadInput(f"{source} and {target} are one place")
    nested = source.prefix.startswith(target.prefix) or target.prefix.startswith(source.prefix)
    if mode.delete and nested:
        raise BadInput(f"of {source} and {target} one is in the other: --delete would remove what is to be copied")


async def _source(stores: Stores, text: str, mode: Mode) -> tuple[End, bool]:
    """What is copied, and whether that is one file or object alone."""
    if not is_uri(text):
        return _local_source(Path(text), mode)
    place, storage = Uri.parse(text), stores.of(text)
    if not mode.sync:
        single = await ends.one(stores, storage, place)
        if single is not None:
            return single, True
        if not mode.recursive:
            raise BadInput(f"{place} is no single object", hint="Add -r to copy all below it.")
    found = await ends.below(stores, storage, place)
    if not found.objects and place.key:  # an empty bucket is what somebody made; an empty prefix may be a slip
        raise NotFound(f"there is nothing below {place.below}", hint="`styx storage ls` shows what is there.")
    return found, False


def _local_source(path: Path, mode: Mode) -> tuple[End, bool]:
    if path.is_dir():
        if not (mode.recursive or mode.sync):
            raise BadInput(f"{path} is a directory", hint="Add -r to copy all in it.")
        found = ends.directory(path, ignore=mode.sync)
        if mode.delete and not found.files:  # a disk that is not mounted looks like this, too
            raise BadInput(f"there is no file in {path}: --delete would remove all", hint="`styx storage rm -r` does.")
        return found, False
    if not path.is_file():
        raise BadInput(f"{path} {'is neither a file nor a directory' if path.exists() else 'does not exist'}")
    if mode.sync:
        raise BadInput(f"{path} is a file", hint="`styx storage cp` copies one.")
    return ends.file(path), True


def _place_of_one(stores: Stores, text: str, name: str) -> tuple[End, str]:
    """Where one file goes, and the name that it has there."""
    if is_uri(text):
        place, storage = Uri.parse(text), stores.of(text)
        above, slash, last = place.key.rpartition("/")
        return StoreEnd(storage, Uri(place.scheme, place.bucket, above + slash)), last or name
    path = Path(text)
    if path.is_dir() or text.endswith("/"):
        path /= name
    if path.is_dir():
        raise BadInput(f"{path} is a directory", hint="Give the file another name.")
    return LocalEnd(path.parent), path.name


async def _target(stores: Stores, text: str, mode: Mode) -> End:
    """Where it goes, with what is there as far as that matters."""
    if is_uri(text):
        place, storage = Uri.parse(text), stores.of(text)
        return await ends.below(stores, storage, place) if mode.sync else StoreEnd(storage, place.below)
    path = Path(text)
    if not path.exists():
        return LocalEnd(path)
    if not path.is_dir():
        raise BadInput(f"{path} is a file", hint="Several files need a directory.")
    return ends.directory(path, ignore=False)


async def _same(stores: Stores, source: End, target: End) -> frozenset[str]:
    """The names at both ends whose contents need not be copied. Stores are asked about equal sizes only."""
    sizes, there = source.sizes, target.sizes
    candidates = [name for name, size in sizes.items() if there.get(name) == size]
    if isinstance(source, StoreEnd) and isinstance(target, StoreEnd):
        return frozenset(name for name in candidates if _known_same(source, target, name))
    local, store = (source, target) if isinstance(source, LocalEnd) else (target, source)
    assert isinstance(local, LocalEnd)
    assert isinstance(store, StoreEnd)
    share = -(-len(candidates) // CALLS_AT_ONCE) or 1
    parts = [candidates[start : start + share] for start in range(0, len(candidates), share)]
    found = await together(stores.call(store.storage, _asking(local, store, part)) for part in parts)
    return frozenset(name for part in found for name in part)


def _asking(local: LocalEnd, store: StoreEnd, names: Sequence[str]) -> Callable[[], Collection[str]]:
    def same() -> list[str]:
        return [name for name in names if store.storage.same(local.path(name), store.objects[name])]

    return same


def _known_same(source: StoreEnd, target: StoreEnd, name: str) -> bool:
    """Whether two objects of one size are the same, as far as their stores tell it: else by when they were written."""
    one, other = source.objects[name], target.objects[name]
    if source.storage is target.storage and one.checksum and other.checksum:
        return one.checksum == other.checksum
    return one.modified_at <= other.modified_at
