"""The server of this home: found, started by whoever needs one, and stopped. There is one, however many ask for it.

A server writes ``<home>/server.json`` when it listens: its URL, its token, and which process it is. For as long as it
lives it holds the lock ``<home>/server.lock``, so that there is no other while it is not yet, or not any more, to be
found. One that is started from here is given the lock, which was taken for it. It is a session of its own: neither
Ctrl-C nor the end of the terminal in which it was started reaches it.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from functools import partial
from typing import TYPE_CHECKING

from styx import __version__
from styx.api.errors import Conflict, InvalidConfig, PluginError, TransportError
from styx.client import locallog
from styx.config import home
from styx.plugins.paths import make_private
from styx.replacing import replacing
from styx.store.holder import alive, current
from styx.store.records import Holder

if TYPE_CHECKING:
    from ssl import SSLContext

FILE, LOCK = "server.json", "server.lock"
PROGRAM = (sys.executable, "-P", "-m", "styx.server.main")  # -P: what lies in the working directory is not imported
HOST = "127.0.0.1"

PATIENCE = 60.0  # seconds that a server may take until it answers, on a machine that is busy
GRACE = 30.0  # seconds that it may take to end by itself
_PAUSE = 0.05
_ANSWER = 5.0
_LAST_WORDS = 15  # lines of the log in an error
_NOT_INHERITED = ("STYX_API_URL", "STYX_API_TOKEN", "STYX_API_FINGERPRINT")  # it is a server: it asks no other


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A server as it says of itself in ``server.json``. ``started`` and ``boot_id`` are as in :class:`Holder`."""

    url: str
    token: str
    pid: int
    id: str = ""
    version: str = ""
    started: str = ""
    boot_id: str = ""
    host: str = ""
    fingerprint: str = ""  # of its certificate, if it speaks TLS

    @property
    def alive(self) -> bool:
        """Whether its process runs on this machine, since that was last booted, whoever has that number now."""
        me = current()
        same = (self.host, self.boot_id) == (me.host, me.boot_id)  # a container's numbers are its own, too
        return same and alive(Holder(self.id, self.pid, self.started, self.boot_id, self.host))


def hold(lock: int | None = None) -> None:
    """Be the server of this home, to the end of this process. Raises Conflict where there is one, InvalidConfig.

    ``lock`` is the descriptor of the lock, where whoever started this process has taken it.
    """
    try:
        lock = _opened() if lock is None else lock
        os.set_inheritable(lock, False)  # what the server starts may outlive it
    except OSError as error:
        raise InvalidConfig(f"cannot write {home() / LOCK}: {error.strerror}") from None
    taken, server = _taken(lock), find()
    if taken and server is None:
        return
    os.close(lock)
    if server is None:
        raise Conflict(f"another server of {home()} is about to begin, or to end", hint="Try again in a moment.")
    raise Conflict(
        f"{home()} has a server already: process {server.pid}, at {server.url}",
        hint="`styx api stop` ends it. Each of several that share a database has a home of its own: --home DIR.",
    )


def announce(url: str, token: str, id: str, fingerprint: str = "") -> LocalServer:  # noqa: A002 - as the field is called
    """Write down that this process is the server of this home, for its user alone to read. Raises OSError."""
    me = current()
    server = LocalServer(url, token, me.pid, id, __version__, me.started, me.boot_id, me.host, fingerprint)
    path = home() / FILE
    make_private(str(path.parent))
    draft = path.with_name(f".{FILE}.{secrets.token_hex(4)}")
    with replacing(path, draft), open(draft, "x", opener=partial(os.open, mode=0o600), encoding="utf-8") as file:
        json.dump(asdict(server), file)
    return server


def withdraw(server: LocalServer) -> None:
    """Take the announcement back, unless another server has made its own since. Idempotent."""
    if _read() == server:
        (home() / FILE).unlink(missing_ok=True)


def find() -> LocalServer | None:
    """The server of this home whose process runs here, whether or not it answers; None where there is none."""
    server = _read()
    return server if server is not None and server.alive else None


def answers(server: LocalServer, timeout: float = _ANSWER) -> bool:
    """Whether the server answers ``GET /health`` within so many seconds."""
    from http.client import HTTPConnection, HTTPException, HTTPSConnection
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(server.url)
        where = parts.hostname or HOST, parts.port
        if parts.scheme == "https":  # whose certificate it is does not matter: it is told nothing
            connection: HTTPConnection = HTTPSConnection(*where, timeout=timeout, context=_anybody())
        else:
            connection = HTTPConnection(*where, timeout=timeout)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200  # noqa: PLR2004 - OK
        finally:
            connection.close()
    except (OSError, HTTPException, ValueError):
        return False


def _anybody() -> SSLContext:
    import ssl

    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def ensure(*, port: int = 0, patience: float = PATIENCE) -> LocalServer:
    """The server of this home; it is started where there is none, at a free port unless one is named. Idempotent.

    Raises PluginError where the server is not installed, and TransportError where none answers within ``patience``
    seconds.
    """
    server = find()
    if server is not None and answers(server):
        locallog.trim()
        return server
    require_installed()
    deadline = time.monotonic() + patience
    while True:
        with _locked() as lock:
            server = find()
            if lock is not None and server is None:
                return _started(_start(lock, port), deadline)
        if server is not None and answers(server):
            return server
        if time.monotonic() >= deadline:
            who = _read()
            what = f"process {who.pid} on {who.host}, at {who.url}," if who else "which another process starts,"
            raise TransportError(f"the server of this home, {what} does not answer", hint=_LOOK)
        time.sleep(_PAUSE)


_LOOK = "`styx api logs` shows what it writes, and `styx api stop` ends it."


def require_installed() -> None:
    """Raise PluginError unless what a server needs is installed here."""
    from importlib.util import find_spec

    missing = [name for name in ("fastapi", "uvicorn", "dbos", "prometheus_client") if find_spec(name) is None]
    if missing:
        raise PluginError(
            f"managed jobs need a server, and it cannot run here: {missing[0]!r} is not installed",
            hint="`pip install 'styx-core[server]'` installs it. Or log in to a server: `styx api login URL`.",
        )


def stop(server: LocalServer, *, grace: float = GRACE) -> bool:
    """End the server and wait until it has; whether it did so by itself, or had to be killed. Idempotent.

    What it worked on goes on where it runs, and is taken up again by the next server.
    """
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, PATIENCE)):
        with suppress(ProcessLookupError):
            if server.alive:
                os.kill(server.pid, number)
        deadline = time.monotonic() + patience
        while server.alive and time.monotonic() < deadline:
            time.sleep(_PAUSE)
        if not server.alive:
            withdraw(server)
            return number == signal.SIGTERM
    raise TransportError(f"process {server.pid}, the server, does not end", hint="It may hang in the kernel.")


def _read() -> LocalServer | None:
    try:
        said = json.loads((home() / FILE).read_text(encoding="utf-8"))
        known = {each.name for each in fields(LocalServer)}
        server = LocalServer(**{key: value for key, value in said.items() if key in known})
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    return server if isinstance(server.pid, int) and server.pid > 0 else None


@contextmanager
def _locked() -> Iterator[int | None]:
    """The lock's descriptor, which whoever inherits it holds on to; None while somebody else has it."""
    descriptor = _opened()
    try:
        yield descriptor if _taken(descriptor) else None
    finally:
        os.close(descriptor)


def _opened() -> int:
    make_private(str(home()))
    return os.open(home() / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # the file system knows no locks, and nobody can do better than look whether there is a server
        return True
    return True


def _start(lock: int, port: int) -> subprocess.Popen[bytes]:
    locallog.trim()
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    with open(locallog.path(), "ab", opener=partial(os.open, mode=0o600)) as output:
        return subprocess.Popen(
            [*PROGRAM, "--host", HOST, "--port", str(port), "--lock", str(lock)],
            cwd=home(),
            env={**environment, "STYX_HOME": str(home())},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=(lock,),
        )


def _started(process: subprocess.Popen[bytes], deadline: float) -> LocalServer:
    """The server that this process becomes. Raises TransportError when it ends, or does not answer in time."""
    while process.poll() is None:
        server = find()
        if server is not None and server.pid == process.pid and answers(server):
            process.returncode = 0  # it is nobody's child from now on: Popen would warn of one that still runs
            return server
        if time.monotonic() >= deadline:
            process.returncode = 0
            raise TransportError(f"the server, process {process.pid}, does not answer", hint=_LOOK)
        time.sleep(_PAUSE)
    said = "\n".join(locallog.last_lines(_LAST_WORDS))
    raise TransportError(
        f"the server ended with status {process.returncode} as it was started:\n{said}",
        hint=f"{locallog.path()} has all that it wrote.",
    )
