"""Containers: clusters whose tasks have asked for ``image_id: docker:IMAGE`` run their jobs in one on each node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from styx.api.backend import Login
from styx.api.errors import BackendError, InvalidTask
from styx.engine.context import Context, Progress
from styx.engine.handle import Handle
from styx.spec.model import TaskSpec
from styx.store.records import ClusterRecord

# SkyPilot's names for how to get at a private registry, and ours.
_PREFIXES = ("STYX_DOCKER_", "SKYPILOT_DOCKER_")
_FIELDS = ("SERVER", "USERNAME", "PASSWORD")
# On the node, in its home: what is to be at absolute paths in the container, and the names of all that it is to show.
_PLACE = ".styx_container"


def image_of(cluster: ClusterRecord) -> str:
    """The image that the cluster's jobs run in a container of; empty for none."""
    return str(cluster.request.get("container") or "")


def image_on(context: Context, name: str) -> str:
    """The same, of the cluster of this name as it is on record."""
    cluster = context.store.clusters.get(name)
    return "" if cluster is None else image_of(cluster)


async def learn(context: Context, handle: Handle) -> None:
    """Ask the nodes of a cluster that was taken up again which container it has, once. Raises what the backend does."""
    cluster = context.store.clusters.get(handle.name)
    if cluster is None or cluster.request:
        return
    image = await context.backend.container_image(handle)
    if image is not None:
        context.store.clusters.modify(handle.name, lambda found: {} if found.request else _having(image))


async def prepare(context: Context, handle: Handle, task: TaskSpec, progress: Progress) -> None:
    """Have the cluster's container on every node, where it has one. Idempotent. Raises InvalidTask, BackendError."""
    image = image_on(context, handle.name)
    if not image:
        return
    login = login_of({**task.envs, **task.secrets})
    progress("container", f"preparing the container {image}")
    for note in await context.backend.prepare_container(handle, image, login):
        progress("note", note)


def _having(image: str) -> dict[str, object]:
    return {"request": {"container": image or None}}


def place_of(target: str) -> str:
    """Where on the node something is that is to be found under this name in the container."""
    return f"{_PLACE}/root{target}" if target.startswith("/") else target


async def show(handle: Handle, targets: Iterable[str]) -> None:
    """Have jobs find these below the home of their containers, or absolute, as they would on the nodes. Idempotent."""
    names = [target.removeprefix("~/").rstrip("/") for target in targets]
    lines = "".join(f"{name}\n" for name in names if name not in ("", "~"))
    if not lines:
        return
    adding = (
        f"mkdir -p {_PLACE} && touch {_PLACE}/mounts && while read -r name; do "
        f'grep -qxFe "$name" {_PLACE}/mounts || printf "%s\\n" "$name" >>{_PLACE}/mounts || exit; done'
    )
    for rank in range(len(handle.nodes)):
        result = await handle.transport(rank).run(adding, stdin=lines.encode(), timeout=60.0)
        if result.status:
            said = result.stderr.decode(errors="replace").strip()[-500:]
            raise BackendError(f"could not show the container of node {rank} its file mounts: {said}", node=str(rank))


def login_of(variables: Mapping[str, str]) -> Login | None:
    """How to get at the task's private registry; None where it says nothing of one. Raises InvalidTask for a part."""
    for prefix in _PREFIXES:
        values = [variables.get(prefix + name, "") for name in _FIELDS]
        if all(values):
            return Login(*values)
        if any(values):
            lacking = ", ".join(prefix + name for name, value in zip(_FIELDS, values, strict=True) if not value)
            raise InvalidTask(
                f"a private registry needs three variables, and there is no value for {lacking}",
                hint=f"Give it with `--env`, or `--secret` for {prefix}PASSWORD.",
                field="envs",
            )
    return None
