"""Clusters: looked at, made, changed and removed. What takes a while is a request."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query, Response

from styx.api.errors import BadInput, ClusterNotFound
from styx.client.refusals import Forbidden
from styx.client.wire import dump
from styx.engine.engine import check_name
from styx.engine.freshness import needs_a_look
from styx.server.auth.access import CallerOf, TurnsOf, require_own
from styx.server.auth.tokens import Caller, Level
from styx.server.http.apart import ApartOf
from styx.server.http.responses import NAME, After, ClusterName, Limit, decode, last_page, number, page, whole
from styx.server.http.routing import routes
from styx.server.http.submitting import SubmitOf
from styx.server.models import AutostopIn, LaunchIn, Page, RequestOut, StartIn, TaskIn
from styx.server.parts import Parts, PartsOf
from styx.server.work.tasks import secrets_of, task_of
from styx.store.records import ClusterRecord, EventRecord, NodeRecord
from styx.store.states import ClusterState

router = routes("clusters", "/v1/clusters")

Names = Annotated[list[Annotated[str, Query(pattern=NAME)]], Query(max_length=1000, description="only these")]
_ADDRESS = frozenset({"host", "port", "user"})  # of an endpoint; the rest is about files at the server
Forget = Annotated[bool, Query(description="only drop the record, and leave what there may be")]


@router.get("")
async def clusters(
    parts: PartsOf,
    *,
    name: Names = [],  # noqa: B006 - read only
    state: Annotated[ClusterState | None, Query()] = None,
    user: Annotated[str | None, Query(max_length=100)] = None,
    refresh: Annotated[bool, Query(description="look at all of them first")] = False,
    caller: CallerOf,
    turns: TurnsOf,
    after: After = None,
    limit: Limit = 100,
) -> Page[ClusterRecord]:
    """Clusters, newest first; those that may have changed are looked at before they are told."""
    cursor = _cursor(decode(after))
    find = parts.store.clusters.page
    found = await parts.off_loop(find, name, state=state, user=user, after=cursor, limit=limit + 1)
    async with turns.of(caller.user) if refresh else nullcontext():
        looked = await _look(parts, found[:limit], refresh=refresh)
    if looked:
        found = await parts.off_loop(find, name, state=state, user=user, after=cursor, limit=limit + 1)
    return page(found, limit, lambda last: f"{last.created_at.isoformat()} {last.name}")  # type: ignore[return-value]


async def _look(parts: Parts, records: Sequence[ClusterRecord], *, refresh: bool) -> bool:
    """Look at those that may have changed; whether there was one."""
    store = parts.store
    late, now = await parts.off_loop(store.attempts.late), parts.engine.context.clock.now()
    stale = [each.name for each in records if refresh or needs_a_look(each, now, late=each.name in late)]
    if stale or refresh:
        await parts.engine.status(stale, refresh=refresh)
    return bool(stale) or refresh


def _cursor(text: str | None) -> tuple[datetime, str] | None:
    if text is None:
        return None
    at, _, name = text.partition(" ")
    try:
        moment = datetime.fromisoformat(at)
        aware = moment.tzinfo is not None
        moment = moment.astimezone(UTC)  # which the first and the last day may have no room for
    except (ValueError, OverflowError):
        aware = False
    if not aware or not re.fullmatch(NAME, name):
        raise BadInput("after: no page has ended with that")
    return moment, name


@router.post("", status_code=202)
async def launch(body: LaunchIn, caller: CallerOf, parts: PartsOf, submit: SubmitOf, apart: ApartOf) -> RequestOut:
    """Run a task on a new or existing cluster. The request's result is `{cluster, job_id, created}`."""
    task = await apart(task_of, body, parts.uploads, caller.user)
    name = check_name(body.options.cluster) if body.options.cluster else f"styx-{secrets.token_hex(3)}"
    present = await parts.off_loop(parts.store.clusters.get, name)
    owner = caller.user if present is None else present.user
    require_own(caller, owner, f"cluster {name!r}")
    options = {**body.options.model_dump(mode="json"), "cluster": name}
    written = await apart(task.to_dict)
    arguments = {"cluster": name, "owner": owner, "new": present is None, "task": written, "options": options}
    return await submit("launch", arguments, secrets_of([task]))


@router.get("/{name}")
async def cluster(name: ClusterName, parts: PartsOf) -> ClusterRecord:
    """One cluster; looked at first if it may have changed."""
    record = await _known(parts, name)
    if await _look(parts, [record], refresh=False):
        record = await _known(parts, name)
    return record


@router.delete("/{name}", status_code=202)
async def down(
    name: ClusterName, caller: CallerOf, parts: PartsOf, submit: SubmitOf, *, forget: Forget = False
) -> RequestOut:
    """Remove a cluster. What is only forgotten counts for no budget any more, so that takes an administrator."""
    found = await own(parts, caller, name)
    if forget and not caller.admin:
        raise Forbidden(
            f"{caller.user} may remove cluster {name!r}, and not forget it",
            hint="Remove it without --forget, or ask an administrator.",
        )
    arguments = {"cluster": name, "owner": found.user, "forget": forget}
    return await submit("down", arguments)


@router.post("/{name}/exec", status_code=202)
async def exec_(
    name: ClusterName, body: TaskIn, caller: CallerOf, parts: PartsOf, submit: SubmitOf, apart: ApartOf
) -> RequestOut:
    """Queue a task on a cluster that is up: no provisioning, no setup."""
    found = await own(parts, caller, name)
    task = await apart(task_of, body, parts.uploads, caller.user)
    arguments = {"cluster": name, "owner": found.user, "task": await apart(task.to_dict)}
    return await submit("exec", arguments, secrets_of([task]))


@router.post("/{name}/start", status_code=202)
async def start(name: ClusterName, body: StartIn, caller: CallerOf, parts: PartsOf, submit: SubmitOf) -> RequestOut:
    """Bring a stopped cluster back."""
    found = await own(parts, caller, name)
    arguments = {"cluster": name, "owner": found.user, "autostop": dump(body.policy)}
    return await submit("start", arguments)


@router.post("/{name}/stop", status_code=202)
async def stop(name: ClusterName, caller: CallerOf, parts: PartsOf, submit: SubmitOf) -> RequestOut:
    """Stop a cluster's machines, and keep their disks."""
    found = await own(parts, caller, name)
    arguments = {"cluster": name, "owner": found.user}
    return await submit("stop", arguments)


@router.post("/{name}/autostop", status_code=204, response_class=Response)
async def autostop(name: ClusterName, body: AutostopIn, caller: CallerOf, parts: PartsOf) -> None:
    """Set or clear autostop on a cluster that is up."""
    found = await own(parts, caller, name)
    await parts.engine.for_user(caller.user, owners=[found.user]).autostop(name, body.policy)


@router.get("/{name}/nodes")
async def nodes(name: ClusterName, caller: CallerOf, parts: PartsOf) -> Page[NodeRecord]:
    """The nodes of a cluster, by rank, as last seen. Viewers are not told where the server has its files."""
    found = await parts.off_loop(parts.store.nodes.of, name)
    return whole([_placed(each) for each in found] if caller.level is Level.READ else found)  # type: ignore[return-value]


def _placed(node: NodeRecord) -> NodeRecord:
    if node.endpoint is None:
        return node
    options = {key: value for key, value in node.endpoint.options.items() if key in _ADDRESS}
    return replace(node, endpoint=replace(node.endpoint, options=options))


@router.get("/{name}/history")
async def history(name: ClusterName, parts: PartsOf, after: After = None, limit: Limit = 100) -> Page[EventRecord]:
    """What happened to a cluster, oldest first; also after it is gone. The last so many come first."""
    found = await parts.off_loop(parts.store.events.of, name, limit + 1, before=number(after))
    return last_page(found, limit)  # type: ignore[return-value]


async def _known(parts: Parts, name: str) -> ClusterRecord:
    record = await parts.off_loop(parts.store.clusters.get, name)
    if record is None:
        raise ClusterNotFound(f"there is no cluster {name!r}", hint="`styx status` lists the clusters.", cluster=name)
    return record


async def own(parts: Parts, caller: Caller, name: str) -> ClusterRecord:
    """The cluster, which is the caller's own. Raises ClusterNotFound, Forbidden."""
    record = await _known(parts, name)
    require_own(caller, record.user, f"cluster {name!r}")
    return record
