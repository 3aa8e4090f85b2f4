"""What a server keeps its users to: clusters that are theirs, and machines and disks other than its own."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from styx.api.errors import BadInput
from styx.spec.model import StorageMount
from styx.store.access import NotOwned, Role

if TYPE_CHECKING:
    from styx.engine.context import Context
    from styx.spec.model import TaskSpec
    from styx.store.records import ClusterRecord

DISK = "file"  # the store whose buckets are on a disk of this machine
HERE = "local"  # the cloud whose nodes are processes of this machine, and of the user who runs this
_DOUBTFUL = ("..", "%", "\\")  # in a reference to a secret: a plugin may understand it as the way back up
_OPENED = "An administrator can open this one to all, in the server's config.yaml."


def on_behalf(context: Context, name: str, epoch: int, owners: Collection[str]) -> Context:
    """The same surroundings for a server's user, and of their clusters, and those of the ``owners``, alone.

    Only administrators may have nodes on this machine, unless the settings allow that by name: these could read all
    that the server can. Whoever runs the server is one until on record as less. Raises StoreError.
    """
    known = context.store.users.get(name)
    admin = name == context.user if known is None else known.role is Role.ADMIN
    return replace(context, user=name, epoch=epoch, owners=frozenset({name, *owners}), here=admin)


def require_own(context: Context, cluster: ClusterRecord) -> None:
    """Raise NotOwned where the cluster is not of those whose alone may be touched."""
    if context.owners is not None and cluster.user not in context.owners:
        whose = cluster.user or "nobody"
        raise NotOwned(
            f"cluster {cluster.name!r} is {whose}'s",
            hint="Choose another name; `styx status` lists the clusters.",
            cluster=cluster.name,
            user=cluster.user,
        )


def open_clouds(context: Context) -> list[str]:
    """The clouds where something may be made for this user, in order."""
    named = context.here or context.config.allowed_clouds is not None  # then it is among the names if it is meant
    return [name for name in context.clouds.names() if named or name != HERE]


def closed_here(context: Context) -> bool:
    """Whether this machine could have nodes, and not this user's."""
    return HERE in context.clouds.names() and HERE not in open_clouds(context)


def not_here() -> BadInput:
    """Why a server does not let a user have nodes on its own machine."""
    return BadInput(
        f"cloud {HERE!r} is the server's own machine, which only administrators use unless allowed_clouds names it",
        hint=f"Name another cloud. {_OPENED}",
    )


def require_allowed(context: Context, tasks: Iterable[TaskSpec]) -> None:
    """Raise BadInput for what the user of a server may not have, before a task of theirs is kept to be run later.

    It is looked at again when the task runs, and only then where a policy may change what it asks for.
    """
    if context.here or context.plugins.implements("styx_policy"):
        return
    closed = closed_here(context)
    for task in tasks:
        if closed and all(wanted.infra.cloud == HERE for wanted in task.resources.alternatives):
            raise not_here()
        require_identities(context, task)
        require_secrets(context, task)
        for mount in task.file_mounts.values():
            if isinstance(mount, StorageMount) and mount.name and mount.store:
                require_writable(context, mount.store.lower())


def require_usable(context: Context, cluster: ClusterRecord) -> None:
    """Raise NotOwned as require_own, and BadInput where the user may run nothing on this machine (any more)."""
    require_own(context, cluster)
    if cluster.cloud == HERE and HERE not in open_clouds(context):
        raise not_here()


def require_identities(context: Context, task: TaskSpec) -> None:
    """Raise BadInput for an identity that the user of a server may not have: it may be more than theirs."""
    if context.here:
        return
    for wanted in task.resources.alternatives:
        if wanted.identity is not None and wanted.identity not in context.config.allowed_identities:
            raise BadInput(
                f"identity {wanted.identity!r} is for administrators only, unless allowed_identities names it",
                hint=f"Leave it out. {_OPENED}",
            )


def require_secrets(context: Context, task: TaskSpec) -> None:
    """Raise BadInput for a reference to a secret that the user of a server may not have looked up."""
    for name, reference in task.secret_refs.items():
        if not (context.here or _opened(reference, context.config.allowed_secrets)):
            raise BadInput(
                f"secret {name!r}: {reference!r} is for administrators only, unless a pattern of allowed_secrets fits",
                hint=f"Give the value itself. {_OPENED}",
            )


def _opened(reference: str, patterns: Collection[str]) -> bool:
    """Whether a pattern names it; none does what is doubtful."""
    doubtful = any(way in reference for way in _DOUBTFUL)
    return not doubtful and any(fnmatchcase(reference, pattern) for pattern in patterns)


def require_writable(context: Context, store: str) -> None:
    """Raise BadInput for the store that is this machine's own disk, which the user of a server could fill."""
    if store == DISK and not context.here and context.config.section("storage", DISK).get("members") is not True:
        raise BadInput(
            f"store {DISK!r} is the server's own disk, where only administrators write unless storage.file.members is "
            "true",
            hint=f"Name another store. {_OPENED}",
        )
