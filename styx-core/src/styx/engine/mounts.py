"""Putting the task's files on the nodes: the working directory, the file mounts, and what of stores is mounted."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from styx.api.cloud import Cloud
from styx.api.errors import BackendError, InvalidTask, NotFound, StyxError
from styx.api.transport import CommandResult, Transport
from styx.engine import buckets, container
from styx.engine.context import Context, Progress
from styx.engine.handle import Handle
from styx.engine.storage.stores import Stores
from styx.engine.storage.uri import is_uri
from styx.plugins.isolation import guard
from styx.spec.model import GitWorkdir, StorageMount, TaskSpec
from styx.store.records import MountRecord
from styx.transports.files import UPLOAD_SECONDS, upload
from styx.transports.streams import strip_home
from styx.transports.together import together

# SkyPilot's tasks know the directory by its own name, so a link of that name leads to ours.
WORKDIR = "styx_workdir"
_MAKE_WORKDIR = f"mkdir -p {WORKDIR} && [ -e sky_workdir ] || ln -s {WORKDIR} sky_workdir"
GIT_SECONDS = 600.0
MOUNT_SECONDS = 900.0  # what mounts may have to be installed first
UNMOUNT_SECONDS = 600.0  # for what was written last to be stored
GIT_PROTOCOLS = "file:git:http:https:ssh"  # others, such as ext:: and fd::, run what the URL says


@dataclass(frozen=True, slots=True)
class Sources:
    """What is put on every node, by target: files of this machine, commands that fetch, and places to mount."""

    files: dict[str, Path] = field(default_factory=dict)
    fetches: dict[str, tuple[str, ...]] = field(default_factory=dict)
    mounts: list[MountRecord] = field(default_factory=list)


async def sync(context: Context, handle: Handle, task: TaskSpec, progress: Progress) -> None:
    """Put everything the task brings on every node, in parallel. Idempotent: files are replaced, none removed."""
    if task.workdir is None and not task.file_mounts:
        return
    progress("files", "copying files")
    stores = Stores(context)
    with tempfile.TemporaryDirectory(prefix="styx-fetch-") as scratch:
        sources = await _resolve(context, stores, handle.name, task, Path(scratch), progress)
        await together(_sync_node(handle, rank, task, sources, Path(scratch)) for rank in range(len(handle.nodes)))
    if container.image_on(context, handle.name):
        await container.show(handle, [target for target in task.file_mounts if not _beside_the_job(target)])
    if sources.mounts:
        context.store.mounts.add(sources.mounts)
        await _mount(stores, handle, sources.mounts, progress)


async def mount_again(context: Context, handle: Handle, progress: Progress) -> None:
    """Mount what was mounted on the nodes before they were stopped. Idempotent."""
    mounts = context.store.mounts.of(handle.name)
    if mounts:
        await _mount(Stores(context), handle, mounts, progress)


async def unmount(context: Context, handle: Handle, progress: Progress) -> None:
    """Take away what is mounted on the nodes, once it is written. What cannot be is told, and keeps nobody waiting."""
    mounts = context.store.mounts.of(handle.name)
    if not mounts:
        return
    stores = Stores(context)
    progress("files", f"unmounting {', '.join(mount.uri for mount in mounts)}, once what was written is stored")

    async def on_node(rank: int) -> None:
        for mount in mounts:
            try:
                command = buckets.unmount_command(stores, mount)
                what = f"unmount {mount.uri} at {mount.target!r} on node {rank}"
                await run_script(handle.transport(rank), command, what, timeout=UNMOUNT_SECONDS)
            except StyxError as error:
                progress("note", f"{error.message}: what was written there last may not be stored")

    await together(on_node(rank) for rank in range(len(handle.nodes)))


def require_mountable(context: Context, task: TaskSpec) -> None:
    """Raise InvalidTask, Unsupported or PluginError for what could be put on no node, before one is made for it."""
    stores = Stores(context)
    if isinstance(task.workdir, GitWorkdir):
        _require_no_password(task.workdir)
    elif task.workdir is not None and is_uri(task.workdir):
        stores.of(task.workdir)
    for target, mount in task.file_mounts.items():
        if isinstance(mount, StorageMount):
            buckets.require_sense(context, stores, target, mount)
        elif is_uri(mount):
            stores.of(mount)


def why_not_on(cloud: Cloud, task: TaskSpec) -> str | None:
    """None when the nodes of this cloud can have the task's files, else the first that they cannot have."""
    absolute = next((target for target in task.file_mounts if target.startswith("/")), None)
    if cloud.traits.confined and absolute is not None:
        return f"its nodes share a machine and cannot have {absolute!r} of file_mounts, which is an absolute path"
    return None


async def _sync_node(handle: Handle, rank: int, task: TaskSpec, sources: Sources, scratch: Path) -> None:
    transport = handle.transport(rank)
    endpoint = handle.nodes[rank].endpoint
    if endpoint is not None and endpoint.kind == "process":
        _require_relative([*sources.files, *sources.fetches, *(mount.target for mount in sources.mounts)])
    if task.workdir is not None or any(map(_beside_the_job, task.file_mounts)):
        await _must(transport, _MAKE_WORKDIR, "make the working directory")
    if isinstance(task.workdir, GitWorkdir):
        await _clone(transport, task.workdir)
    for target, source in sources.files.items():
        # An ignore file that came out of a store says nothing about what the task wants from there.
        await upload(transport, source, target, ignore=not source.is_relative_to(scratch))
    for target, commands in sources.fetches.items():
        for command in commands:
            await run_script(transport, command, f"fetch {target}", timeout=UPLOAD_SECONDS)


def _require_relative(targets: Sequence[str]) -> None:
    """Raise InvalidTask for absolute targets, where nodes share this machine."""
    for target in targets:
        if target.startswith("/"):
            raise InvalidTask(
                f"file_mounts: {target!r} is an absolute path, which a node that shares this machine cannot have",
                hint="Use a path that is relative, or begins with ~/, or run the task on another cloud.",
                field="file_mounts",
            )


def _beside_the_job(target: str) -> bool:
    """Whether a target of ``file_mounts`` starts in the working directory: a relative one does, as in SkyPilot."""
    return not target.startswith(("/", "~/")) and target != "~"


def _on_the_node(target: str) -> str:
    return f"{WORKDIR}/{target}" if _beside_the_job(target) else target


async def _resolve(
    context: Context, stores: Stores, cluster: str, task: TaskSpec, scratch: Path, progress: Progress
) -> Sources:
    """Where everything comes from; what lies in a store and no node can fetch by itself is fetched into ``scratch``."""

    def locate(source: str) -> Path:
        return task.base_dir / Path(source).expanduser()

    found = Sources()
    inside = bool(container.image_on(context, cluster))
    if isinstance(task.workdir, str):
        if is_uri(task.workdir):
            await _fetch(stores, (task.workdir,), WORKDIR, found, scratch / "workdir")
        else:
            found.files[WORKDIR] = locate(task.workdir)
    for index, (target, mount) in enumerate(task.file_mounts.items()):
        place = container.place_of(_on_the_node(target)) if inside else _on_the_node(target)
        if isinstance(mount, str):
            if is_uri(mount):
                await _fetch(stores, (mount,), place, found, scratch / str(index))
            else:
                found.files[place] = locate(mount)
            continue
        uris = await buckets.made(context, stores, cluster, mount, locate, progress)
        if mount.mode == buckets.COPY:
            await _fetch(stores, uris, place, found, scratch / str(index))
            continue
        if unheard := buckets.without_effect(mount):
            progress("note", f"file_mounts: {target}: no store is told of {', '.join(unheard)}")
        cached, read_only = mount.mode == buckets.CACHED, buckets.read_only(mount)
        found.mounts.append(MountRecord(cluster, strip_home(place), uris[0], cached, read_only))
    return found


async def _fetch(stores: Stores, uris: Sequence[str], target: str, found: Sources, scratch: Path) -> None:
    """Have nodes fetch it by themselves where they can, or else fetch it here."""
    commands = []
    for uri in uris:
        storage = stores.of(uri)
        with guard(storage.name, "in fetch_command"):
            command = None if target.endswith("/") else storage.fetch_command(uri, strip_home(target))
        if command is not None:
            if not await stores.objects(storage, uri, most=1):
                raise NotFound(f"there is nothing at {uri}")
            commands.append(command)
    if len(commands) == len(uris):
        found.fetches[target] = tuple(commands)
        return
    for uri in uris:
        storage = stores.of(uri)
        await stores.call(storage, storage.download, uri, scratch)
    found.files[target] = scratch


async def _mount(stores: Stores, handle: Handle, mounts: Sequence[MountRecord], progress: Progress) -> None:
    progress("files", f"mounting {', '.join(mount.uri for mount in mounts)}")
    commands = [
        (mount, buckets.mount_command(stores, mount.uri, mount.target, mount.cached, mount.read_only))
        for mount in mounts
    ]

    async def on_node(rank: int) -> None:
        for mount, command in commands:
            what = f"mount {mount.uri} at {mount.target!r} on node {rank}"
            await run_script(handle.transport(rank), command, what, timeout=MOUNT_SECONDS)

    await together(on_node(rank) for rank in range(len(handle.nodes)))


async def run_script(transport: Transport, command: str, what: str, *, timeout: float) -> None:
    """Run a store's command on a node. It may hold credentials, and so is on no command line; it has no input."""
    script = f"{{\n{command}\n}} </dev/null\n"  # read to its end before any of it is run
    _require_success(await transport.run("sh -s", stdin=script.encode(), timeout=timeout), what)


async def _clone(transport: Transport, git: GitWorkdir) -> None:
    _require_no_password(git)
    url, ref = shlex.quote(git.url), shlex.quote(git.ref or "HEAD")
    command = (
        f"export GIT_TERMINAL_PROMPT=0 GIT_ALLOW_PROTOCOL={GIT_PROTOCOLS}; cd {WORKDIR} && git init -q . && "
        f"{{ git remote add origin {url} 2>/dev/null || git remote set-url origin {url}; }} && "
        f"git fetch -q --depth 1 origin {ref} && git checkout -q --force FETCH_HEAD"
    )
    await _must(transport, command, f"clone {git.url}", timeout=GIT_SECONDS)


def _require_no_password(git: GitWorkdir) -> None:
    url = urlsplit(git.url)
    if url.password or (url.username and url.scheme in {"http", "https"}):  # a token is often written as a user name
        raise InvalidTask(
            "workdir: the git URL holds a password or token, which would show in process lists",
            hint="Use an SSH URL, or a credential helper on the node.",
            field="workdir",
        )


async def _must(transport: Transport, command: str, what: str, *, timeout: float = 60.0) -> None:
    _require_success(await transport.run(command, timeout=timeout), what)


def _require_success(result: CommandResult, what: str) -> None:
    if result.status != 0:
        said = result.stderr.decode(errors="replace").strip()[-500:]
        raise BackendError(f"could not {what}: {said or f'status {result.status}'}")
