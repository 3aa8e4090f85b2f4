"""Putting the task's files on the nodes: the working directory and the file mounts."""

from __future__ import annotations

import asyncio
import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from styx.api.cloud import Cloud
from styx.api.errors import BackendError, InvalidTask, PluginError, Unsupported
from styx.api.storage import Storage
from styx.api.transport import Transport
from styx.engine.context import Context, Progress
from styx.engine.handle import Handle
from styx.plugins.isolation import guard
from styx.spec.model import GitWorkdir, StorageMount, TaskSpec
from styx.transports.files import upload
from styx.transports.together import together

# SkyPilot's tasks know the directory by its own name, so a link of that name leads to ours.
WORKDIR = "styx_workdir"
_MAKE_WORKDIR = f"mkdir -p {WORKDIR} && [ -e sky_workdir ] || ln -s {WORKDIR} sky_workdir"
GIT_SECONDS = 600.0
GIT_PROTOCOLS = "file:git:http:https:ssh"  # others, such as ext:: and fd::, run what the URL says


async def sync(context: Context, handle: Handle, task: TaskSpec, progress: Progress) -> None:
    """Copy everything the task brings to every node, in parallel. Idempotent: files are replaced, none removed."""
    if task.workdir is None and not task.file_mounts:
        return
    progress("setup", "copying files")
    with tempfile.TemporaryDirectory(prefix="styx-fetch-") as scratch:
        sources = await asyncio.to_thread(_resolve, context, task.file_mounts, task.base_dir, Path(scratch))
        await together(_sync_node(handle, rank, task, sources, Path(scratch)) for rank in range(len(handle.nodes)))


def require_mountable(context: Context, task: TaskSpec) -> None:
    """Raise InvalidTask, Unsupported or PluginError for what could be put on no node, before one is made for it."""
    if isinstance(task.workdir, GitWorkdir):
        _require_no_password(task.workdir)
    for target, mount in task.file_mounts.items():
        if not isinstance(mount, str) or "://" in mount:
            for uri in _uris(target, mount):
                _storage_for(context, uri)


def why_not_on(cloud: Cloud, task: TaskSpec) -> str | None:
    """None when the nodes of this cloud can have the task's files, else the first that they cannot have."""
    absolute = next((target for target in task.file_mounts if target.startswith("/")), None)
    if cloud.traits.confined and absolute is not None:
        return f"its nodes share a machine and cannot have {absolute!r} of file_mounts, which is an absolute path"
    return None


async def _sync_node(handle: Handle, rank: int, task: TaskSpec, sources: Mapping[str, Path], scratch: Path) -> None:
    transport = handle.transport(rank)
    endpoint = handle.nodes[rank].endpoint
    confined = endpoint is not None and endpoint.kind == "process"
    if task.workdir is not None or any(map(_beside_the_job, sources)):
        await _must(transport, _MAKE_WORKDIR, "make the working directory")
    if isinstance(task.workdir, GitWorkdir):
        await _clone(transport, task.workdir)
    elif task.workdir is not None:
        await upload(transport, task.base_dir / Path(task.workdir).expanduser(), WORKDIR)
    for target, source in sources.items():
        if confined and target.startswith("/"):
            raise InvalidTask(
                f"file_mounts: {target!r} is an absolute path, which a node that shares this machine cannot have",
                hint="Use a path that is relative, or begins with ~/, or run the task on another cloud.",
                field="file_mounts",
            )
        # An ignore file that came out of a store says nothing about what the task wants from there.
        place = f"{WORKDIR}/{target}" if _beside_the_job(target) else target
        await upload(transport, source, place, ignore=not source.is_relative_to(scratch))


def _beside_the_job(target: str) -> bool:
    """Whether a target of ``file_mounts`` starts in the working directory: a relative one does, as in SkyPilot."""
    return not target.startswith(("/", "~/")) and target != "~"


def _resolve(
    context: Context, mounts: Mapping[str, str | StorageMount], base_dir: Path, scratch: Path
) -> dict[str, Path]:
    """Where on this machine each mount's files are; what lies in a store is fetched into ``scratch``."""
    sources: dict[str, Path] = {}
    for index, (target, mount) in enumerate(mounts.items()):
        if isinstance(mount, str) and "://" not in mount:
            sources[target] = base_dir / Path(mount).expanduser()
            continue
        fetched = scratch / str(index)
        for uri in _uris(target, mount):
            storage = _storage_for(context, uri)
            with guard(storage.name, "in download"):
                storage.download(uri, fetched)
        sources[target] = fetched
    return sources


def _uris(target: str, mount: str | StorageMount) -> tuple[str, ...]:
    if isinstance(mount, str):
        return (mount,)
    if mount.mode != "COPY" or mount.source is None:
        raise Unsupported(
            f"file_mounts: {target}: no installed storage can mount buckets (mode {mount.mode})",
            hint="Use mode: COPY with a source.",
            capability="mount",
        )
    return (mount.source,) if isinstance(mount.source, str) else mount.source


def _storage_for(context: Context, uri: str) -> Storage:
    scheme = urlsplit(uri).scheme
    broken: PluginError | None = None
    for name in context.plugins.names("storage"):
        try:
            with guard(name, "in schemes"):
                known = scheme in context.plugins.load("storage", name).schemes
            if not known:
                continue
            storage = context.plugins.create("storage", name, context.clouds.services("storage", name))
        except PluginError as error:  # another one may understand it
            broken = broken or error
            continue
        assert isinstance(storage, Storage)
        return storage
    if broken is not None:
        raise broken
    raise Unsupported(
        f"no installed storage understands {scheme}:// ({uri})",
        hint="`styx plugins list` shows what is installed.",
        capability=f"storage:{scheme}",
    )


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
    result = await transport.run(command, timeout=timeout)
    if result.status != 0:
        said = result.stderr.decode(errors="replace").strip()[-500:]
        raise BackendError(f"could not {what}: {said or f'status {result.status}'}")
