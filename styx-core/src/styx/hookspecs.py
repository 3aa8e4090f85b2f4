"""The pluggy hook specifications: what every plugin may speak up about.

One-of-N kinds (a cloud, a store, ...) are entry points; the ``styx_<kind>`` hooks below only list what there is, and
core answers them for each plugin from its manifest. The other hooks are behaviour: a plugin names those it implements
in its manifest (``implements``) and defines functions of the same name, marked with :data:`hookimpl`, in the module
that the manifest's ``hooks`` names. Core imports that module on the first call of one of them. One plugin that raises
does not silence the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pluggy

hookspec = pluggy.HookspecMarker("styx")
hookimpl = pluggy.HookimplMarker("styx")


@dataclass(frozen=True, slots=True)
class Provided:
    """One thing a plugin provides: ``kind`` (cloud, backend, ...), its ``name``, and ``module:Class``."""

    kind: str
    name: str
    target: str
    plugin: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a cluster or job: ``from_state`` and ``to_state`` are empty where nothing changed."""

    at: datetime
    subject: str  # "cluster" or "job"
    name: str
    kind: str
    from_state: str = ""
    to_state: str = ""
    reason: str = ""
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Site:
    """Where machines are; a part that is empty is any."""

    cloud: str
    region: str = ""
    zone: str = ""

    def covers(self, cloud: str, region: str | None, zone: str | None) -> bool:
        """Whether that place is this one or within it."""
        return self.cloud in ("", cloud) and self.region in ("", region) and self.zone in ("", zone)


@dataclass(frozen=True, slots=True)
class Loss:
    """A managed job has lost its cluster, for the ``recoveries``-th time: what that was and where."""

    job: int
    name: str
    recoveries: int
    site: Site
    instance_type: str
    spot: bool
    preempted: bool  # taken back by the provider, as far as there is evidence


@dataclass(frozen=True, slots=True)
class Leaning:
    """Which places to ask first and in which order, and which last; among the rest, and within each, the price decides.

    It rules nothing out: that is for the task to do.
    """

    prefer: tuple[Site, ...] = ()
    avoid: tuple[Site, ...] = ()


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """One line of ``styx doctor``: ``level`` is ok, warning or error; ``fix`` says what to do."""

    check: str
    level: str
    message: str
    fix: str = ""


@hookspec
def styx_clouds() -> Sequence[Provided]:  # type: ignore[empty-body]
    """List the clouds this plugin provides. Answered by core from the manifest."""


@hookspec
def styx_backends() -> Sequence[Provided]:  # type: ignore[empty-body]
    """List the backends this plugin provides. Answered by core from the manifest."""


@hookspec
def styx_storage() -> Sequence[Provided]:  # type: ignore[empty-body]
    """List the stores this plugin provides. Answered by core from the manifest."""


@hookspec
def styx_engines() -> Sequence[Provided]:  # type: ignore[empty-body]
    """List the serving engines this plugin provides. Answered by core from the manifest."""


@hookspec
def styx_sandboxes() -> Sequence[Provided]:  # type: ignore[empty-body]
    """List the sandbox providers this plugin provides. Answered by core from the manifest."""


@hookspec
def styx_policy(task: Mapping[str, Any], operation: str, user: str) -> Mapping[str, Any] | None:
    """Look at a task (its canonical mapping) before ``operation`` ("launch" or "exec").

    ``user`` is for whom that is: a user of the server, or the account on this machine where there is no server.
    Return a changed mapping, or None to leave it; raise :class:`styx.api.BadInput` to refuse, with the reason. Plugins
    are asked in order of name, each given what the one before returned. A policy that fails refuses the operation.
    """


@hookspec
def styx_event(event: Event) -> None:
    """Take note of an event after it was committed. Best effort: a failure is logged and changes nothing."""


@hookspec
def styx_doctor() -> Sequence[DoctorFinding]:  # type: ignore[empty-body]
    """Check what this plugin needs on this machine, for ``styx doctor``."""


@hookspec(firstresult=True)
def styx_secret(reference: str, user: str) -> str | None:
    """Look up the secret behind a reference such as ``vault:team/key``; return None for references of other plugins.

    A reference is a scheme, a colon and whatever the plugin makes of the rest. A task names one as
    ``secrets: {TOKEN: {ref: "vault:team/key"}}``, in Python as ``task.secrets(TOKEN={"ref": "vault:team/key"})``, and
    on the command line with ``--secret-ref TOKEN=vault:team/key``; any other text in ``secrets`` is the secret itself.
    It is looked up for each launch and exec, before anything is made, and the value is not kept; policies see the
    reference. ``user`` is for whom: a user of the server, or the account on this machine where there is no server. All
    users of a server ask with its credentials, so whether one may have a secret is for you to say; you are asked for
    administrators, and for others where the server's ``allowed_secrets`` name the reference. Plugins are asked in order
    of name until one answers. Raise :class:`styx.api.BadInput` for one of yours that leads nowhere.
    """


@hookspec(firstresult=True)
def styx_sealing_key() -> bytes | None:
    """The 32 bytes under which secrets at rest are encrypted, for instance from a key-management service.

    Asked once, as a server or a command that submits jobs begins. Return None to leave it to other plugins; when nobody
    has one it is ``secret.key`` in the home. A server does not start with another key than its database began with, for
    secrets that were sealed under that could not be opened. A plugin that has this hook and fails, or cannot be used,
    stops the server: it never goes on with another key.
    """


@hookspec
def styx_routes() -> Any:
    """Add endpoints to ``styx-server``: return a ``fastapi.APIRouter``.

    Its routes appear below ``/v1/x/PLUGIN`` and in the OpenAPI document. Who calls them has shown a token already:
    ``request.state.caller`` says whose. Methods other than GET and HEAD need the role ``member``. A plugin whose routes
    cannot be made is named in the log, and the server does without them.
    """


@hookspec(firstresult=True)
def styx_recovery(strategy: str, loss: Loss) -> Leaning | None:
    """Say where a managed job should go on that has lost its cluster; return None for strategies of other plugins.

    ``strategy`` is what the job was launched with (``styx jobs launch --strategy NAME``). Core has ``failover`` and
    ``eager_next_region``. Plugins are asked in order of name; where none knows the strategy, or the one that does
    fails, the same place is asked first, as with ``failover``. As a job is handed in they are asked with a loss of
    nothing (``job`` is 0): what no plugin answers is refused.
    """
