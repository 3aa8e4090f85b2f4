"""What a server writes of its work: one JSON object a line, to standard error.

Each has ``time``, ``level``, ``logger`` and ``message``, what the work is about (``request``, ``job``, ``user``) and a
``traceback`` where something failed that should not. Neither headers nor bodies nor queries are written, and what looks
like a token, or like a password in a URL, is masked wherever it comes from.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

from styx.engine.about import now_about

if TYPE_CHECKING:
    from starlette.types import Scope

access = logging.getLogger("styx.server.access")

FIELDS = "styx_fields"  # of a record: more to write, as logging's ``extra`` has it
_MASK = "***"
_SECRETS = re.compile(r"(?<=styx_)([0-9a-f]{12}_)[\w-]{20,}|(?<=://)([^\s/:@\"\\]*:)[^\s/@\"\\]+(?=@)")
_QUIET = frozenset({"/health", "/ready", "/metrics"})  # asked again and again, and of interest where they fail
_FAILS = 400


class Lines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        said: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **now_about(),
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info:
            said["traceback"] = self.formatException(record.exc_info)
        return masked(json.dumps(said, default=str))


def masked(text: str) -> str:
    """The text without the secrets of tokens and the passwords in URLs."""
    return _SECRETS.sub(lambda found: f"{found[1] or found[2]}{_MASK}", text)


def configure(stream: TextIO | None = None) -> None:
    """Let everything that is logged in this process be written so, from INFO on; to standard error unless elsewhere."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Lines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("asyncssh").setLevel(logging.WARNING)  # at INFO it writes every command that runs on a node


def keystroke(scope: Scope) -> bool:
    """Whether it is something typed at a terminal, which is on record as a whole: that it was opened."""
    return bool(scope["method"] == "PUT" and scope["path"].startswith("/v1/shells/"))


def observe(scope: Scope, status: int, seconds: float) -> None:
    """Write of a request that has been answered: who asked for what, and how long it took."""
    if (scope["path"] in _QUIET or keystroke(scope)) and status < _FAILS:
        return
    state = scope.get("state", {})
    caller, client = state.get("caller"), scope.get("client")
    fields = {
        "request": state.get("request", ""),
        "method": scope["method"],
        "path": scope["path"],
        "status": status,
        "seconds": round(seconds, 6),
        "user": caller.user if caller is not None else "",
        "address": client[0] if client else "",
    }
    if "first" in (what := state.get("what", {})):  # of the jobs that were handed in
        fields |= {"job": what["first"], "count": what["count"]}
    access.info("%s %s: %d", scope["method"], scope["path"], status, extra={FIELDS: fields})
