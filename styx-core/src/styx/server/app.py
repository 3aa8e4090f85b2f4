"""The application: parts, routes and what surrounds them."""

from __future__ import annotations

import gc
import importlib
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI

from styx import __version__, garbage
from styx.server import problems
from styx.server.auth.access import Access
from styx.server.auth.turns import Turns
from styx.server.diagnosis import OnServer
from styx.server.files.uploads import Uploads
from styx.server.http.bodies import Bodies
from styx.server.http.description import Described, described
from styx.server.http.forwarded import Forwarded
from styx.server.http.gate import Gate, Observer
from styx.server.http.repeats import Repeats
from styx.server.http.responses import PROBLEMS
from styx.server.http.routing import add
from styx.server.http.sse import Streams
from styx.server.observe.metrics import Measured, Metrics
from styx.server.observe.tracing import Traced
from styx.server.parts import Parts, Runtime
from styx.server.routers.health import Readiness
from styx.server.settings import MiB
from styx.server.terminals.shells import Shells
from styx.server.tidying import Tidying
from styx.server.work.requests import Requests
from styx.store.managed import JobQuery
from styx.threads import OffLoop

if TYPE_CHECKING:
    from styx.engine.engine import Engine
    from styx.plugins.manager import PluginManager
    from styx.sealing import Sealer
    from styx.server.settings import Settings
    from styx.store import Store

log = logging.getLogger("styx.server")

ROUTERS = (
    "health", "metrics", "clusters", "shells", "clusterjobs", "tasks", "jobs", "dags", "requests", "offers", "storage",
    "files", "records", "notes", "orphans", "people",
)  # fmt: skip
_PAGE, _LARGEST_PAGE = 1000, 8 * MiB
HOOK = "styx_routes"


def create_app(
    engine: Engine, runtime: Runtime, sealer: Sealer, settings: Settings, *, observe: Observer | None = None
) -> FastAPI:
    """The application of one server. To be called in the event loop that serves it; its lifespan starts the work."""
    store = engine.context.store
    home, keep = engine.context.home, engine.context.config.keep
    off_loop = OffLoop(inline=engine.context.config.database is None)
    uploads = Uploads(home, settings, partial(_in_use, store), keep.uploads)
    parts = Parts(
        engine,
        runtime,
        sealer,
        settings,
        off_loop,
        Requests(engine, sealer, off_loop, lambda: runtime.server_id, settings.user_work),
        Streams(settings.streams, settings.stalled, settings.user_streams),
        Shells(settings.shells, settings.user_shells, settings.shell_patience),
        uploads,
        OnServer(engine),
    )
    app = routed(lifespan=_lifespan)
    app.state.parts = parts
    app.state.metrics = Metrics(store)
    app.state.turns = Turns(settings.user_questions, settings.user_waiting)
    app.state.readiness = Readiness()
    app.state.transfers = Turns(settings.user_transfers, 0)  # a body that waits would come too late
    app.state.tidying = Tidying(store, home, keep, uploads, lambda: runtime.server_id)
    problems.install(app)
    _add_plugins(app, engine.context.plugins)
    # From the inside out.
    app.add_middleware(Repeats, store=store, sealer=sealer, off_loop=off_loop, server_id=lambda: runtime.server_id)
    app.add_middleware(Bodies, settings=settings)
    app.add_middleware(Access, store=store, off_loop=off_loop, clock=engine.context.clock, settings=settings)
    app.add_middleware(Gate, observe=observe)
    app.add_middleware(Traced)
    app.add_middleware(Measured, metrics=app.state.metrics)
    if settings.behind_proxy:
        app.add_middleware(Forwarded, proxies=settings.proxies)
    return app


def _in_use(store: Store) -> Iterator[str]:
    """All tasks that may still have to run, as text."""
    query, more = JobQuery(ended=False, limit=_PAGE), True
    while more:
        found, more = store.jobs.part(query, _LARGEST_PAGE)
        yield from (str(job.task) for job in found)
        query = replace(query, after=found[-1].id if found else None)
    for server in store.servers.list():
        yield from (str(request.arguments) for request in store.requests.under_way(server.id))


def routed(**more: Any) -> FastAPI:
    """The application with its own routes, and nothing behind them: enough to be described."""
    app = Described(
        title="Styx",
        version=__version__,
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
        openapi_url=None,  # it would be written anew for everybody
        redirect_slashes=False,
        **more,
    )
    app.add_route("/openapi.json", described, include_in_schema=False)
    for name in ROUTERS:
        add(app, importlib.import_module(f"styx.server.routers.{name}").router)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Begin with the work, and leave it for others to take up."""
    parts: Parts = app.state.parts
    await parts.runtime.start()
    parts.requests.start()
    app.state.tidying.start()
    gc.collect()
    gc.freeze()  # what is there now stays: no collection needs to look at it again
    gc.set_threshold(garbage.OBJECTS)
    gc.enable()
    yield
    await app.state.tidying.stop()
    await parts.requests.stop()
    await parts.runtime.stop()


def _add_plugins(app: FastAPI, plugins: PluginManager) -> None:
    """What plugins add, each below a prefix of its own, so that nothing of ours can be hidden behind it."""
    collected = plugins.collect(HOOK)
    for failed in collected.failures:
        log.warning("%s (the server does without its routes)", failed.message.removesuffix("."))
    for name, router in collected.results:
        if isinstance(router, APIRouter):
            app.include_router(router, prefix=f"/v1/x/{name}", tags=[f"plugin {name}"], responses=PROBLEMS)
        else:
            log.warning("plugin %r: what it answered to %s is no APIRouter", name, HOOK)
