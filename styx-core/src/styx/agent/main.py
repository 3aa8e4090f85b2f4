"""The command line of the program on every node: see protocol.py."""

from __future__ import annotations

import json
import os
import sys

from .protocol import MAX_SOCKET_PATH, PROTOCOL, AgentError, ProtocolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

USAGE = (
    "usage: unpack DIR | daemon --state DIR --socket PATH [--idle-exit SECONDS] | bridge --socket PATH [--start SCRIPT]"
    " | ping --socket PATH | version"
)
_BAD_USAGE = 64
_UNAVAILABLE = 69


def main(argv: list[str], build: str = "source") -> int:
    """Run one command and return its exit status; ``build`` is the hash that the archive is named by."""
    try:
        return _run(argv, build)
    except _Usage as error:
        sys.stderr.write(f"styx-agent: {error}\n{USAGE}\n")
        return _BAD_USAGE
    except (AgentError, OSError) as error:
        sys.stderr.write(f"styx-agent: {error}\n")
        return 1


def console() -> int:
    """Run as the installed program ``styx-agent``, for looking at a node's agent by hand."""
    return main(sys.argv[1:])


class _Usage(Exception):
    pass


def _run(argv: list[str], build: str) -> int:
    command, rest = (argv[0], argv[1:]) if argv else ("", [])
    if command == "unpack" and len(rest) == 1:
        from .unpack import unpack

        _print({"program": unpack(sys.argv[0], os.path.abspath(rest[0]), build)})
        return 0
    if command == "version" and not rest:
        _print({"protocol": PROTOCOL, "build": build})
        return 0
    if command == "daemon":
        options = _options(rest, {"--state", "--socket"}, {"--idle-exit"})
        from . import daemon

        idle = options.get("--idle-exit")
        if idle is not None and not idle.replace(".", "", 1).isdigit():
            raise _Usage("--idle-exit takes a number of seconds")
        return daemon.start(
            os.path.abspath(options["--state"]), _socket(options), build, None if idle is None else float(idle)
        )
    if command in {"bridge", "ping"}:
        from . import bridge

        options = _options(rest, {"--socket"}, {"--start"} if command == "bridge" else set())
        path = _socket(options)
        try:
            if command == "bridge":
                return bridge.bridge(path, options.get("--start", ""))
            _print(bridge.ping(path))
        except (OSError, ProtocolError) as error:
            sys.stderr.write(f"styx-agent: nobody answers on {path}: {error}\n")
            return _UNAVAILABLE
        return 0
    raise _Usage(f"unknown command {' '.join(argv)!r}" if argv else "no command")


def _options(words: list[str], required: set[str], optional: set[str]) -> dict[str, str]:
    found = dict(zip(words[::2], words[1::2]))
    if len(words) % 2 or len(found) * 2 != len(words):
        raise _Usage("an option without a value, or given twice")
    wrong = [name for name in found if name not in required | optional] + sorted(required - set(found))
    if wrong:
        raise _Usage(f"unknown or missing option {wrong[0]}")
    return found


def _socket(options: dict[str, str]) -> str:
    path = os.path.abspath(options["--socket"])
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        raise _Usage(f"the path of the socket is longer than {MAX_SOCKET_PATH} bytes: {path}")
    return path


def _print(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
