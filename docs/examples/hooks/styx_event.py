"""Write every change of a cluster's state to a file, one line each."""

import os
from pathlib import Path

from styx.hookspecs import Event, hookimpl


@hookimpl
def styx_event(event: Event) -> None:
    log = Path(os.environ.get("STYX_EVENT_LOG", "styx-events.log"))
    with log.open("a", encoding="utf-8") as file:
        file.write(f"{event.at.isoformat()} {event.name} {event.from_state} -> {event.to_state} {event.reason}\n")
