"""How a run of a managed job went, and whether that is its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from styx.api.errors import Wire
from styx.hookspecs import Loss, Site
from styx.jobs.model import JobOptions
from styx.spec.model import Retries
from styx.store.managed import ManagedState
from styx.store.records import ClusterRecord
from styx.store.states import ClusterState


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job has come to, should this be its end.

    ``gone``: its cluster was, or had to be given up, and ``place`` says what and where that was. ``itself``: it failed
    by its own doing and may be started again.
    """

    state: ManagedState
    reason: str = ""
    exit_code: int | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    error: Wire | None = None
    gone: bool = False
    place: Mapping[str, Any] = field(default_factory=dict)
    itself: bool = False

    def restarts(self, options: JobOptions, retries: Retries, done: int) -> bool:
        """Whether it is started again, having been so ``done`` times. ``retries`` is what the task says for runs."""
        if not self.itself:
            return False
        if self.exit_code is not None and self.exit_code in (options.restart_exit_codes or ()):
            return True
        if done < (options.max_restarts or 0):
            return True
        return done < retries.times and (not retries.exit_codes or self.exit_code in retries.exit_codes)

    def to_data(self) -> dict[str, Any]:
        """What has to be known to write the end down, fit for JSON."""
        return {
            "state": self.state.value,
            "reason": self.reason,
            "exit_code": self.exit_code,
            "outputs": dict(self.outputs),
            "error": self.error,
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Outcome:
        """What :meth:`to_data` gave."""
        return cls(ManagedState(data["state"]), data["reason"], data["exit_code"], data["outputs"], data["error"])


def gone(record: ClusterRecord | None, reason: str, *, noticed: bool = False) -> Outcome:
    """The cluster of the job is not there any more, or not as it should be; or it is not for long, as it was told."""
    place: dict[str, Any] = {}
    if record is not None:
        place = {
            "cloud": record.cloud,
            "region": record.region,
            "zone": record.zone,
            "instance_type": record.instance_type,
            "spot": record.spot,
            "preempted": noticed or record.state is ClusterState.PREEMPTED,
        }
    return Outcome(ManagedState.FAILED, reason, gone=True, place=place)


def loss(job: int, name: str, recoveries: int, place: Mapping[str, Any]) -> Loss | None:
    """What strategies of recovery are told; None where nothing is known of the cluster that is gone."""
    if not place.get("cloud"):
        return None
    return Loss(
        job=job,
        name=name,
        recoveries=recoveries,
        site=Site(place["cloud"], place.get("region") or "", place.get("zone") or ""),
        instance_type=place.get("instance_type") or "",
        spot=bool(place.get("spot")),
        preempted=bool(place.get("preempted")),
    )
