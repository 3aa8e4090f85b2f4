"""The buckets of a task's file mounts: which place in a store each means, making and filling it, and removing it.

As in SkyPilot: a source that is a URI is what is there already. A ``name`` is a bucket of ours, made where it is not
there, with what is in a local source copied into it; one that is not ``persistent`` goes with its cluster.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from shlex import quote

from styx.api.errors import (
    AuthFailed,
    Conflict,
    InvalidRequest,
    InvalidTask,
    NotFound,
    PermissionDenied,
    QuotaExceeded,
    StyxError,
    Unsupported,
)
from styx.api.storage import Storage
from styx.engine.context import Context, Progress
from styx.engine.ownership import require_writable
from styx.engine.storage import ends, planning
from styx.engine.storage.ends import LocalEnd
from styx.engine.storage.planning import Mode
from styx.engine.storage.stores import Stores
from styx.engine.storage.transfer import carry_out
from styx.engine.storage.uri import Uri, is_uri
from styx.plugins.isolation import guard
from styx.spec.model import StorageMount, TaskSpec
from styx.store.records import MountRecord
from styx.words import count, size

SWEEP_SECONDS = 30.0
COPY, MOUNT, CACHED = "COPY", "MOUNT", "MOUNT_CACHED"
_REFUSALS = (AuthFailed, Conflict, InvalidRequest, PermissionDenied, QuotaExceeded, Unsupported)  # nothing was made


# Takes away a mount, or a link that stands for one, at $at in the home; nothing there is success.
_UNMOUNT = r"""
[ ! -h "$at" ] || exec rm -f "$at"
case $at in /*) ;; *) at=$(pwd -P)/$at ;; esac
there() {
  while read -r _ place _; do [ "$(printf %b "$place")" != "$at" ] || return 0; done </proc/self/mounts
  return 1
}
there || exit 0
fusermount3 -u "$at" || fusermount -u "$at" || umount "$at" || sudo -n umount "$at"
! there
"""


def local_sources(mount: StorageMount) -> tuple[str, ...]:
    """The paths of this machine that a storage is filled from."""
    return tuple(source for source in sources(mount) if not is_uri(source))


def sources(mount: StorageMount) -> tuple[str, ...]:
    """What a storage is made of, as it is written."""
    if mount.source is None:
        return ()
    return (mount.source,) if isinstance(mount.source, str) else mount.source


def require_sense(context: Context, stores: Stores, target: str, mount: StorageMount) -> None:
    """Raise InvalidTask, BadInput, Unsupported or PluginError for a storage that no node could have."""

    def wrong(problem: str, hint: str) -> InvalidTask:
        return InvalidTask(f"file_mounts: {target}: {problem}", hint=hint, field="file_mounts")

    remote = [source for source in sources(mount) if is_uri(source)]
    if remote and (mount.name or local_sources(mount)):
        what = "a name" if mount.name else "local paths"
        raise wrong(f"{remote[0]} is a bucket already, and {what} would mean another", "Leave out one of them.")
    if len(remote) > 1 and mount.mode != COPY:
        raise wrong("several places cannot be mounted at one", "Mount each at a target of its own, or use mode: COPY.")
    if not (remote or mount.name):
        raise wrong("local files need the name of a bucket to go to", "Add name: with one that nobody else has.")
    named = stores.called(mount.store) if mount.store else None
    if mount.name and named is None:
        stores.require_default()
    for uri in remote:
        understood = stores.of(uri)
        if named is not None and named is not understood:
            raise wrong(f"{uri} is not in the store {mount.store}", "Leave out store:.")
    if remote:
        _require_mountable(stores, remote[0], target, mount)
    elif named is not None:
        require_writable(context, named.name)
        _require_mountable_once_made(stores, str(Uri(named.schemes[0], mount.name or "")), target, mount)


def why_no_store(context: Context, cloud: str, task: TaskSpec) -> StyxError | None:
    """Why a task that names no store for a bucket could not have it on this cloud; None where it can."""
    stores = Stores(context)
    for target, mount in task.file_mounts.items():
        if isinstance(mount, StorageMount) and mount.name and not mount.store:
            try:
                storage = stores.default(cloud)
                require_writable(context, storage.name)
                uri = str(Uri(storage.schemes[0], mount.name))
                _require_mountable_once_made(stores, uri, target, mount)
            except StyxError as error:
                return error
    return None


def _require_mountable(stores: Stores, uri: str, target: str, mount: StorageMount) -> None:
    if mount.mode != COPY:
        mount_command(stores, uri, target, mount.mode == CACHED, read_only(mount))


def _require_mountable_once_made(stores: Stores, uri: str, target: str, mount: StorageMount) -> None:
    """As above, for a bucket that a launch makes where it is missing: a store may say that it is not there."""
    with suppress(NotFound):
        _require_mountable(stores, uri, target, mount)


def read_only(mount: StorageMount) -> bool:
    """Whether nothing is to be written through it."""
    options = mount.config.get(mount.mode.lower())
    said = options.get("read_only") if isinstance(options, dict) else None
    return bool(said) if said is not None else (mount.type or "").endswith("_RO")


def without_effect(mount: StorageMount) -> list[str]:
    """Settings of a mount that no store is told of."""
    options = mount.config.get(mount.mode.lower())
    inner = [f"config.{mount.mode.lower()}.{key}" for key in options] if isinstance(options, dict) else []
    outer = [f"config.{key}" for key in mount.config if key not in (MOUNT.lower(), CACHED.lower())]
    return sorted(key for key in (*inner, *outer) if not key.endswith(".read_only"))


def mount_command(stores: Stores, uri: str, target: str, cached: bool, only_read: bool) -> str:
    """What a node runs to have the place there. Raises Unsupported where its store cannot be mounted."""
    storage = stores.of(uri)
    with guard(storage.name, "in mount_command"):
        command = storage.mount_command(uri, target, cached=cached, read_only=only_read)
    if command is None:
        raise Unsupported(
            f"file_mounts: {target}: {storage.name} cannot be mounted on nodes as it is set up",
            hint="Use mode: COPY.",
            capability="mount",
        )
    return command


def unmount_command(stores: Stores, mount: MountRecord) -> str:
    """What a node runs to have the place there no more: its store's own way, or else the system's."""
    storage = stores.of(mount.uri)
    with guard(storage.name, "in unmount_command"):
        command = storage.unmount_command(mount.uri, mount.target, cached=mount.cached)
    return command or f"at={quote(mount.target)}\n{_UNMOUNT}"


async def made(
    context: Context, stores: Stores, cluster: str, mount: StorageMount, locate: Callable[[str], Path], say: Progress
) -> tuple[str, ...]:
    """The URIs of a storage, whose bucket is there then with all its sources in it. ``locate`` finds local ones.

    Idempotent: what is there already is not made or copied again. Raises provider errors, Conflict for a bucket of
    somebody else, BadInput where the user of a server may not write.
    """
    if not mount.name:
        return sources(mount)
    record = context.store.clusters.get(cluster)
    cloud = record.cloud if record else ""
    storage = stores.called(mount.store) if mount.store else stores.default(cloud)
    require_writable(context, storage.name)
    place = Uri(storage.schemes[0], mount.name)
    if mount.name not in await stores.buckets(storage):
        if not mount.persistent:
            context.store.mounts.claim(cluster, str(place))  # first, so that it is never forgotten
        say("files", f"making the bucket {place}")
        try:
            await stores.call(storage, storage.create, mount.name)
        except _REFUSALS:  # it is not ours, so it must not go with the cluster if it is made by somebody else
            context.store.mounts.release(cluster, str(place))
            raise
    if local_sources(mount):
        await _fill(stores, storage, place, mount, locate, say)
    return (str(place),)


async def _fill(
    stores: Stores, storage: Storage, place: Uri, mount: StorageMount, locate: Callable[[str], Path], say: Progress
) -> None:
    """Copy what differs: the contents of one directory, or several sources, each under its name."""
    paths = [locate(source) for source in local_sources(mount)]
    source = _gathered(paths) if isinstance(mount.source, tuple) else _directory_or_file(paths[0])
    there = await ends.below(stores, storage, place)
    planned = await planning.between(stores, source, there, Mode(sync=True))
    total = sum(planned.sizes.values())
    if planned.plan.moves:
        say("files", f"copying {count(len(planned.plan.moves), 'file')}, {size(total)}, to {place}")
    await carry_out(stores, planned, lambda _count: None)


def _directory_or_file(path: Path) -> LocalEnd:
    return ends.directory(path, ignore=True) if path.is_dir() else ends.file(path)


def _gathered(paths: list[Path]) -> LocalEnd:
    """Several as one: files under their names, and what is in directories under the names of these."""
    files: dict[str, ends.LocalFile] = {}
    for path in paths:
        end = _directory_or_file(path)
        prefix = f"{path.name}/" if path.is_dir() else ""
        files |= {prefix + name: each for name, each in end.files.items()}
    return LocalEnd(paths[0].parent, files)


async def remove_with(context: Context, cluster: str, progress: Progress) -> None:
    """Remove the buckets that go with a cluster. Idempotent. Raises what their stores raise; those stay on record."""
    stores = Stores(context)
    for uri in context.store.mounts.buckets(cluster):
        progress("terminate", f"removing the bucket {uri}")
        await _remove(context, stores, cluster, uri)


async def sweep(context: Context) -> None:
    """Remove buckets whose clusters have gone without them, as far as that can be done soon; the rest next time."""
    stores = Stores(context)
    with suppress(TimeoutError):
        async with asyncio.timeout(SWEEP_SECONDS):
            for cluster, uri in context.store.mounts.left():
                with suppress(StyxError):
                    await _remove(context, stores, cluster, uri)


async def _remove(context: Context, stores: Stores, cluster: str, uri: str) -> None:
    storage = stores.of(uri)
    with suppress(Conflict):  # somebody else's by now, and theirs to remove
        await stores.call(storage, storage.delete, Uri.parse(uri).bucket)
    context.store.mounts.release(cluster, uri)
