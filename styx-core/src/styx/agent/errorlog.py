"""The agent's own log: what went wrong in it, and never more than two files of a bounded size."""

from __future__ import annotations

import os
import time

from .protocol import AgentError

LIMIT = 1 << 18


class ErrorLog:
    """``agent.log`` in the state directory, and ``agent.log.old``. Never raises."""

    def __init__(self, state: str) -> None:
        self.path = os.path.join(state, "agent.log")

    def __call__(self, error: BaseException) -> None:
        """Note an exception; with its traceback, unless it is a refusal, which is nobody's fault in here."""
        if isinstance(error, AgentError):
            self.note(f"{error.code}: {error.message}")
            return
        import traceback

        self.note("".join(traceback.format_exception(type(error), error, error.__traceback__)))

    def note(self, text: str) -> None:
        """Note text under the present time."""
        try:
            if os.path.exists(self.path) and os.path.getsize(self.path) > LIMIT:
                os.replace(self.path, self.path + ".old")
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "a") as file:
                file.write(time.strftime("%Y-%m-%dT%H:%M:%SZ ", time.gmtime()) + text[:8000].rstrip() + "\n")
        except OSError:
            return  # a full disk must not end the agent
