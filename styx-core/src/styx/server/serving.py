"""One server process, from its first socket to its end."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import uvicorn

from styx.api.errors import InvalidConfig
from styx.client import local, locallog
from styx.config import home
from styx.engine.engine import Engine
from styx.jobs.runtime import JobRuntime
from styx.sealing import Sealer
from styx.server.app import create_app
from styx.server.auth.bootstrap import forget, local_token
from styx.server.http.certificate import fingerprint
from styx.server.http.connection import Connection
from styx.server.http.gate import MAX_HEADER
from styx.server.http.listening import Listening
from styx.server.observe import logs, tracing
from styx.store.managed import Limits

if TYPE_CHECKING:
    from fastapi import FastAPI

    from styx.server.settings import Settings

log = logging.getLogger("styx.server")

_GRACE = 10  # seconds that answers under way have to be finished when the server ends
_LAST = 25.0  # seconds that all of the end may take: less than those who stop it are patient
_TURN = 0.001  # seconds that a thread which computes keeps the event loop waiting, each time it has waited for a peer
_BACKLOG = 1024
_KEPT_ALIVE = 75  # seconds without a request, longer than proxies keep connections


def serve(settings: Settings, at_once: int | None, lock: int | None = None) -> None:
    """Listen, work, and end on SIGTERM or SIGINT. Raises StyxError for what keeps it from beginning.

    ``at_once`` managed jobs may be under way here, else as many as the installation's settings say. ``lock`` is that of
    the home, if whoever started this process has taken it; see :func:`styx.client.local.hold`.
    """
    local.hold(lock)
    sock = listen(settings)
    logs.configure()
    tracing.start()
    sys.setswitchinterval(_TURN)
    asyncio.run(_serve(settings, at_once, sock))


async def _serve(settings: Settings, at_once: int | None, sock: Listening) -> None:
    await prepared(settings, at_once, sock).serve([sock])
    tracing.stop()
    logging.shutdown()
    # Not by way of the loop's end, which would cancel what is under way, and so undo it. It is on record, and goes on
    # when this server or another takes it up: an end is no different from a crash, only announced.
    sys.stdout.flush()
    os._exit(0)


def prepared(settings: Settings, at_once: int | None, sock: Listening) -> Server:
    """A server of this home that is ready to serve, in the running event loop, at a socket that is bound.

    Raises StoreError, SealingError, InvalidConfig, PluginError.
    """
    url = f"{settings.scheme}://{_address(sock)}"
    engine = Engine.open(home())
    sealer = Sealer.open(home(), engine.context.plugins)
    sealer.require_for(engine.context.store)
    jobs = engine.context.config.jobs
    runtime = JobRuntime(engine, sealer, Limits(at_once or jobs.at_once, jobs.per_user, jobs.pools), url)
    app = create_app(engine, runtime, sealer, settings, observe=logs.observe)
    return Server(
        uvicorn.Config(
            app,
            http=partial(  # type: ignore[arg-type]
                Connection,
                patience=settings.header_patience,
                most=settings.connections,
                idle={},
                listening=sock,
            ),
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEPT_ALIVE,
            timeout_graceful_shutdown=_GRACE,
            h11_max_incomplete_event_size=MAX_HEADER,
            ssl_certfile=str(settings.tls_cert) if settings.tls_cert else None,
            ssl_keyfile=str(settings.tls_key) if settings.tls_key else None,
            backlog=min(_BACKLOG, settings.strangers),  # so many are taken at once, before any can be refused
            callback_notify=_trim_log,
        ),
        app,
        url,
    )


async def _trim_log() -> None:
    """Every now and then: whoever has started it for its home's own user lets it write to the log there."""
    locallog.trim()


class Server(uvicorn.Server):
    """uvicorn's, which says where it is once it listens, and closes streams when it ends."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, url: str) -> None:
        super().__init__(config)
        self._parts = app.state.parts
        self._url = url
        self._announced: local.LocalServer | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        parts, loop = self._parts, asyncio.get_running_loop()
        if self.config.is_ssl:  # uvicorn has no setting for it
            patience = parts.settings.header_patience
            loop.create_server = partial(loop.create_server, ssl_handshake_timeout=patience)  # type: ignore[method-assign]
        await super().startup(sockets)
        token = local_token(parts.store, parts.engine.context.home, parts.engine.context.clock.now())
        pin = fingerprint(parts.settings.tls_cert) if parts.settings.tls_cert else ""
        self._announced = local.announce(self._url, token, parts.runtime.server_id, pin)
        print(f"Styx server {parts.runtime.server_id} listens at {self._url}", flush=True)  # noqa: T201
        print(f"The token is in {home() / local.FILE}", flush=True)  # noqa: T201

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close what would not end by itself, and then the rest."""
        await self._parts.shells.stop()
        self._parts.streams.closing.set()
        if self._announced is not None:
            local.withdraw(self._announced)
        await super().shutdown(sockets)
        forget(self._parts.store, self._parts.engine.context.home)

    def handle_exit(self, sig: int, frame: object) -> None:
        """As uvicorn, but the signal is not raised again: the process ends by itself."""
        del sig, frame
        self.should_exit = True
        last = threading.Timer(_LAST, os._exit, (0,))  # whatever it still waits for
        last.daemon = True
        last.start()


def listen(settings: Settings) -> Listening:
    """The listening socket. A peer that does not take what it was sent is cut off by the kernel."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    sock = Listening(family, settings.strangers)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    with suppress(AttributeError, OSError):  # Linux has it
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(settings.stalled * 1000))
    try:
        sock.bind((settings.host, settings.port))
    except OSError as error:
        sock.close()
        raise InvalidConfig(
            f"cannot listen at {settings.host} port {settings.port}: {error.strerror or error}",
            hint="Give --port, or --port 0 for any that is free.",
        ) from None
    sock.set_inheritable(False)
    return sock


def _address(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
