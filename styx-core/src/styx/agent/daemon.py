"""The daemon: alone on its state directory, detached from who started it, ready when its socket answers."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import sqlite3
import sys
import time

from . import loop, server
from .agent import Agent
from .errorlog import ErrorLog
from .protocol import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LOCK = "lock"  # in the state directory
RUNNING = 75  # exit status when one already serves this state
TAKE_OVER = 20.0  # seconds to wait for one that is on its way in or out
_LOOK = 0.02
LISTENS = 2.0  # seconds between looks at whether the socket and the state directory are still there
_DEAD = 3600.0  # seconds after which a socket that nobody listens on is rubbish; one that is being made is younger


def start(state: str, path: str, build: str, idle_exit: float | None) -> int:
    """Start the daemon and return 0 once it answers, RUNNING when another does. Raises AgentError and OSError."""
    os.makedirs(state, mode=0o700, exist_ok=True)
    lock = os.open(os.path.join(state, LOCK), os.O_RDWR | os.O_CREAT, 0o600)
    other = _lock(lock, path)
    if other is not None:
        _print({"pid": other, "running": True})
        return RUNNING
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _child(state, path, build, idle_exit, lock, writing)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    if not said:
        raise AgentError("internal", f"the daemon ended before it was ready; {ErrorLog(state).path} may say why")
    message = json.loads(said)
    if "error" in message:
        raise AgentError("internal", message["error"])
    _print(message)
    return 0


def _lock(lock: int, path: str) -> int | None:
    """Take the lock; return None, or the pid of the daemon that holds it and answers."""
    deadline = time.monotonic() + TAKE_OVER
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(lock, 32, 0).strip()
            if pid.isdigit() and (server.answers(path) or time.monotonic() > deadline):
                return int(pid)
            if time.monotonic() > deadline:
                raise AgentError("internal", "another process holds the lock and does not answer") from None
        else:
            return None
        time.sleep(_LOOK)  # it has not begun to listen yet, or has just ceased to


def _child(state: str, path: str, build: str, idle_exit: float | None, lock: int, ready: int) -> None:
    """Be the daemon; never returns."""
    log = ErrorLog(state)
    status = 1
    try:
        os.setsid()
        os.chdir("/")
        for target, flags in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
            os.dup2(os.open(os.devnull, flags), target)
        _default_signals()
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d\n" % os.getpid(), 0)
        umask = os.umask(0o077)
        _keep(state)
        loop.run(_main(state, path, build, idle_exit, umask, ready, log), on_error=log)
        status = 0
    except (AgentError, OSError, sqlite3.Error) as error:
        log(error)
        _tell(ready, {"error": str(error)})
    except BaseException as error:  # noqa: BLE001  # the daemon's end: whatever it is, the log is to say it
        log(error)
        _tell(ready, {"error": f"{type(error).__name__}: {error}"})
    finally:
        os._exit(status)


def _keep(state: str) -> None:
    """Lock what is ours below /var/tmp while we run: who cleans up there by age leaves alone what is locked."""
    parts = state.split("/")
    if parts[:3] == ["", "var", "tmp"]:
        directory = os.open("/".join(parts[:4]), os.O_RDONLY)  # for as long as this process lives
        fcntl.flock(directory, fcntl.LOCK_SH | fcntl.LOCK_NB)


def _default_signals() -> None:
    """Undo what the caller ignores or blocks, as a background job of a script does: jobs would inherit it."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:  # those two Python itself ignores
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


async def _main(
    state: str, path: str, build: str, idle_exit: float | None, umask: int, ready: int, log: ErrorLog
) -> None:
    listening = server.listen(path)
    try:
        agent = Agent(state, build, umask, log)
        loop.spawn(_signals(agent))
        agent.begin()
        serving = loop.spawn(agent.serve(listening, idle_exit))
        loop.spawn(_stay_reachable(agent, state, path, log))
        _tell(ready, {"pid": os.getpid()})
        os.close(ready)
        _sweep(os.path.dirname(path))
        await serving.join()
        await loop.sleep(0.02)  # the last answer is on its way
    finally:
        _unlink(path)


async def _stay_reachable(agent: Agent, state: str, path: str, log: ErrorLog) -> None:
    """Listen again when somebody has removed the socket, for ever: who cleans up /tmp cannot know.

    When the state directory is gone, so is the node: nobody will come back, and nothing could be told to anybody.
    """
    while True:
        await loop.sleep(LISTENS)
        if not os.path.exists(os.path.join(state, LOCK)):
            await agent.ranks.kill_strays()
            _unlink(path)
            os._exit(1)
        if os.path.lexists(path):
            continue
        try:
            loop.spawn(agent.server.serve(server.listen(path)))
        except (AgentError, OSError) as error:
            log(error)


def _sweep(directory: str) -> None:
    """Remove the sockets of agents that were killed and whose clusters are gone."""
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        try:
            old = time.time() - os.lstat(path).st_mtime > _DEAD
        except OSError:
            continue
        if old and name.endswith(".sock") and not server.answers(path):
            _unlink(path)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return  # somebody else was faster


async def _signals(agent: Agent) -> None:
    """Turn signals into what they mean: a child has ended, or the agent is to."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    # Handlers, even for what is to be ignored: a child that is executed gets the default again, jobs included.
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    while True:
        await loop.ready(ours.fileno(), loop.READ)
        came = ours.recv(4096)
        if signal.SIGTERM in came or signal.SIGINT in came:
            agent.stop()
        agent.ranks.children.notify()


def _tell(ready: int, message: dict[str, Any]) -> None:
    try:
        os.write(ready, json.dumps(message).encode())
    except OSError:
        return  # nobody waits any more


def _print(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()
