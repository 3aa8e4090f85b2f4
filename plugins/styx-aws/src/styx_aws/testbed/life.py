"""The life of an instance: which state follows which, when, and why it says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from styx_aws.testbed.bed import Bed

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
GONE = ("shutting-down", "terminated")
USER, SELF = "Client.UserInitiatedShutdown", "Client.InstanceInitiatedShutdown"
TAKEN = "Server.SpotInstanceTermination"


class Life:
    """All instances of a testbed. Every method is called with the testbed's lock held."""

    def __init__(self, bed: Bed) -> None:
        self._bed = bed
        self._due: list[tuple[float, Callable[[], None]]] = []
        self.notices: dict[str, datetime] = {}  # by instance: when its interruption will be

    def tick(self) -> None:
        """Let happen what is due, at the time at which it was due, however long nobody has asked."""
        now = self._bed.seconds()
        due = sorted((each for each in self._due if each[0] <= now), key=lambda each: each[0])
        self._due = [each for each in self._due if each[0] > now]
        for at, happen in due:
            with self._bed.as_if(at, None):
                happen()

    def begin(self, instance: Any) -> None:
        """It was asked for, or for another time: pending, and running when it has booted."""
        machines, soonest = self._bed.machines, self._bed.seconds() + self._bed.habits.boot
        nic = instance.nics[0]
        address, nic.public_ip = nic.public_ip, None
        self._turn(instance, "pending")
        if machines is None:
            self._at(soonest, partial(self._run, instance, address))
        else:
            known = bool(address)  # from outside; if not, only its private address is told
            machines.boot(
                instance, lambda real: self._at(soonest, partial(self._run, instance, real if known else None))
            )

    def stop(self, instance: Any, reason: str = USER) -> None:
        """It is on its way to stopped; from there it can begin again."""
        self._leave(instance, "stopping", reason, self._bed.habits.stop, self._stopped)

    def end(self, instance: Any, reason: str = USER) -> None:
        """It is on its way out, for good."""
        self._leave(instance, "shutting-down", reason, self._bed.habits.go, self._terminated)

    def interrupt(self, instance: Any, seconds: float) -> None:
        """EC2 wants it back: its metadata say so now, and so many seconds later it goes."""
        self.notices[instance.id] = self._bed.now(seconds)
        self._at(self._bed.seconds() + seconds, partial(self.end, instance, TAKEN))

    def shut_down(self, instance: Any) -> None:
        """It has switched itself off: what that means was said at its launch, or changed since."""
        if instance.state in ("pending", "running"):
            ends = instance.instance_initiated_shutdown_behavior == "terminate"
            (self.end if ends else self.stop)(instance, SELF)

    def _leave(self, instance: Any, state: str, reason: str, seconds: float, then: Callable[[Any, str], None]) -> None:
        if instance.state in GONE or instance.state == state:
            return
        self._turn(instance, state, reason)
        soonest, machines = self._bed.seconds() + seconds, self._bed.machines
        if machines is None:
            self._at(soonest, partial(then, instance, reason))
        else:
            machines.halt(
                instance, lambda: self._at(soonest, partial(then, instance, reason)), forget=state == "shutting-down"
            )

    def _run(self, instance: Any, address: str | None) -> None:
        if instance.state == "pending":
            instance.nics[0].public_ip = address
            self._turn(instance, "running")

    def _stopped(self, instance: Any, reason: str) -> None:
        if instance.state == "stopping":
            instance.stop()
            self._turn(instance, "stopped", reason)

    def _terminated(self, instance: Any, reason: str) -> None:
        if instance.state == "shutting-down":
            instance.terminate()
            self.notices.pop(instance.id, None)
            self._turn(instance, "terminated", reason)

    def _at(self, seconds: float, happen: Callable[[], None]) -> None:
        self._due.append((seconds, happen))
        self.tick()

    def _turn(self, instance: Any, state: str, reason: str = "") -> None:
        from moto.ec2.models.instances import InstanceState, StateReason

        instance._state = InstanceState(state, CODES[state])  # noqa: SLF001 - moto has no other way
        at = self._bed.now().strftime("%Y-%m-%d %H:%M:%S UTC")
        said = {USER: f"User initiated ({at})", SELF: f"User initiated ({at})", TAKEN: f"{TAKEN} ({at})"}
        instance._reason = said.get(reason, "")  # noqa: SLF001
        words = {
            USER: "User initiated shutdown",
            SELF: "Instance initiated shutdown",
            TAKEN: "Spot instance termination",
        }
        instance.state_reason = StateReason(f"{reason}: {words[reason]}", reason) if reason else StateReason()
        self._bed.history.note(instance, self._bed.seconds())
