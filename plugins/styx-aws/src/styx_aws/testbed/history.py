"""What instances looked like at each change, so that lists can be behind, and be asked for how they once were."""

from __future__ import annotations

import copy
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

KEPT = 3600.0  # seconds that EC2 lists an instance after it was terminated


@dataclass(frozen=True, slots=True)
class Look:
    """An instance at one moment: ``number`` counts all changes of all instances."""

    number: int
    at: float
    state: str
    code: int
    reason: str
    state_reason: Any
    public_ip: str | None


class History:
    """Every change of every instance."""

    def __init__(self) -> None:
        self._looks: dict[str, list[Look]] = defaultdict(list)
        self.number = 0  # of the last change

    def note(self, instance: Any, now: float) -> None:
        """Take down how it looks now."""
        self.number += 1
        self._looks[instance.id].append(
            Look(
                self.number, now, instance.state, instance.state_code, instance.state_transition_reason or "",
                copy.copy(instance.state_reason), instance.public_ip,
            )
        )  # fmt: skip

    def shown(self, instance: Any, now: float, lag: float, until: int | None = None) -> Any | None:
        """The instance as a list shows it that is so many seconds behind, or ends at the change ``until``."""
        looks = [look for look in self._looks[instance.id] if look.at <= now - lag]
        if until is not None:
            looks = [look for look in looks if look.number <= until]
        if not looks or (looks[-1].state == "terminated" and looks[-1].at < now - lag - KEPT):
            return None
        return _as_at(instance, looks[-1])


def _as_at(instance: Any, look: Look) -> Any:
    shown = copy.copy(instance)
    shown._private_ips = set()  # noqa: SLF001 - moto gives them back when an instance is forgotten, and so this copy
    shown._state = type(instance.instance_state)(look.state, look.code)  # noqa: SLF001 - likewise moto's own
    shown._reason = look.reason  # noqa: SLF001
    shown.state_reason = look.state_reason
    shown.nics = {index: copy.copy(nic) for index, nic in instance.nics.items()}
    if shown.nics:
        shown.nics[0].public_ip = look.public_ip
    return shown
