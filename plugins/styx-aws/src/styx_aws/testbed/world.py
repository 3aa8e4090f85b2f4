"""A testbed in a process of its own, which can be copied in the state in which it is: by forking.

For many short lives, as the fault harness has them: it answers one request after the other, has no hosts and no thread,
and takes its time from a file. It ends when its directory is gone, or nobody has asked anything of it for a while.
"""

from __future__ import annotations

import contextlib
import gc
import http.client
import json
import logging
import os
import socket
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any, NoReturn

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import BaseWSGIServer, make_server

from styx.testing.faults import FileClock
from styx_aws.testbed.bed import Bed
from styx_aws.testbed.control import control
from styx_aws.testbed.front import OWN, Front

_ABOUT = "world.json"
_LOOK = 0.5  # seconds between two looks at whether it is still wanted
_IDLE = 4 * 3600.0  # where whoever wanted it was killed and could not remove the directory


def begin(directory: Path, **habits: Any) -> str:
    """The URL of a new world, which this process forks; it does best to have asked everything of moto once before."""
    url = _forked(Bed(), directory)
    told(url, "habits", **habits)
    return url


def find(directory: Path) -> str | None:
    """The URL of the world of this directory; of a directory that is a copy, that of a copy of the world."""
    try:
        about = json.loads((directory / _ABOUT).read_text())
    except FileNotFoundError:
        return None
    if about["directory"] == str(directory):
        return str(about["url"])
    return str(told(about["url"], "fork", directory=str(directory)))


def end(url: str) -> None:
    """End the world, unless it has ended."""
    with contextlib.suppress(OSError, http.client.HTTPException):  # it does not answer any more
        told(url, "end")


def told(url: str, command: str, **words: Any) -> Any:
    """What a world answers to one of its own commands."""
    request = urllib.request.Request(f"{url}{OWN}{command}", json.dumps(words).encode())  # noqa: S310 - it is ours
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.loads(answer.read())


def _forked(bed: Bed, directory: Path) -> str:
    """Fork a process in which ``bed`` goes on in another directory, and is as it is now."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=64)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    (directory / _ABOUT).write_text(json.dumps({"url": url, "directory": str(directory)}))
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        try:
            _live(bed, directory, listening)
        finally:
            os._exit(1)
    os.waitpid(child, 0)
    listening.close()
    return url


def _live(bed: Bed, directory: Path, listening: socket.socket) -> NoReturn:
    """Answer until nobody wants anything any more; the end of the process."""
    if os.fork() != 0:
        os._exit(0)  # so that nobody has to wait for the world: it is its own
    os.setsid()
    mine = os.dup(listening.fileno())
    os.dup2(mine, 3)
    os.closerange(4, 4096)  # those of whoever forked it: pipes, whose ends somebody may wait for
    nothing = os.open(os.devnull, os.O_RDWR)
    log = os.open(directory / "world.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number, handle in enumerate((nothing, log, log)):
        os.dup2(handle, number)
    gc.freeze()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    bed.clock = FileClock(directory / "clock")
    application = Front(bed, lambda name, words: _command(bed, name, words))
    server: BaseWSGIServer = make_server("127.0.0.1", 0, application, request_handler=MotoRequestHandler, fd=3)
    server.timeout = _LOOK
    last = time.monotonic()
    while directory.exists() and time.monotonic() - last < _IDLE:
        before = len(bed.calls)
        server.handle_request()
        if len(bed.calls) != before:
            last = time.monotonic()
    os._exit(0)


def _command(bed: Bed, name: str, words: dict[str, Any]) -> Any:
    if name == "fork":
        return _forked(bed, Path(words["directory"]))
    if name == "end":
        os._exit(0)
    return control(bed, name, words)
