"""What the plugin does when core calls it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from styx.hookspecs import DoctorFinding, Event, hookimpl
from styx_notify.config import GONE, Settings
from styx_notify.post import host, post


class Notify:
    """Made once with the checked settings, on the first event."""

    def __init__(self, settings: Settings | Mapping[str, object]) -> None:
        self.settings = settings if isinstance(settings, Settings) else Settings.model_validate(settings)

    @hookimpl
    def styx_event(self, event: Event) -> None:
        """Post a change of state that is worth telling. The first server that fails is named in the log."""
        state = GONE if event.kind == "removed" else event.to_state
        if state not in self.settings.states or state == event.from_state:
            return
        for url in self.settings.urls:
            post(url.get_secret_value(), message(event, state), self.settings.timeout)

    @hookimpl
    def styx_doctor(self) -> Sequence[DoctorFinding]:
        """Say whom the plugin tells; nobody is asked."""
        hosts = [host(url.get_secret_value()) for url in self.settings.urls]
        if hosts:
            return [DoctorFinding("notify", "ok", f"tells {', '.join(hosts)}")]
        fix = "`styx config set plugins.notify.urls '[\"https://...\"]'` names somebody."
        return [DoctorFinding("notify", "warning", "is installed and has nobody to tell", fix)]


def message(event: Event, state: str) -> dict[str, str]:
    """The event as JSON data; ``text`` is what a chat shows."""
    why = f": {event.reason}" if event.reason else ""
    return {
        "text": f"Styx cluster {event.name} is {state}{why}",
        "cluster": event.name,
        "from": event.from_state,
        "to": state,
        "reason": event.reason,
        "at": event.at.isoformat(),
    }
