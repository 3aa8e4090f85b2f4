"""The GPU market Nimbus: names are not unique, orders may fail late, and the listing has pages."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from styx.api import (
    Accelerator,
    Cause,
    Conflict,
    ErrorMap,
    Idempotency,
    InsufficientCapacity,
    JsonApi,
    Machine,
    MachineType,
    NodeState,
    Offer,
    Order,
    Services,
    SimpleCloud,
    Traits,
    ssh_endpoint,
)
from styx_nimbus.errors import ERRORS


class NimbusCloud(SimpleCloud):
    """One object per account. Methods are called from threads, several at a time."""

    name: ClassVar[str] = "nimbus"
    traits: ClassVar[Traits] = Traits(Idempotency.SEARCH, settle_after=1.0, boot_deadline=120.0)
    errors: ClassVar[ErrorMap] = ERRORS
    takes = frozenset({"labels"})

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        token = services.config.token.get_secret_value()
        self._api = JsonApi(services.config.url, headers={"Authorization": f"Bearer {token}"}, errors=ERRORS)

    def account(self) -> str:
        """The account's own id, which never changes."""
        return str(self._api.get("/v1/account")["id"])

    def price_list(self) -> Iterator[MachineType]:
        """What is sold right now."""
        for row in self._api.get("/v1/offers")["offers"]:
            gpus = Accelerator(row["gpu"], row["gpus"], row["gpu_memory_gib"]) if "gpu" in row else None
            spot = row.get("spot_usd_per_hour")
            yield MachineType(
                row["type"],
                vcpus=row["vcpus"],
                memory_gib=row["memory_gib"],
                hourly_price=Decimal(row["usd_per_hour"]),
                spot_hourly_price=Decimal(spot) if spot else None,
                region=row["region"],
                accelerators=(gpus,) if gpus else (),
                disk_gib=row["disk_gib"],
            )

    def preemption_notice_command(self, offer: Offer) -> str | None:
        """A machine that is about to be taken back has this file, unless there is no time even for that."""
        del offer
        return "test -e ~/reclaimed"

    def upload_key(self, name: str, public_key: str) -> None:
        """Machines take keys by name. One that is there already is ours: its name says so."""
        with suppress(Conflict):
            self._api.post("/v1/keys", {"name": name, "public_key": public_key})

    def create(self, order: Order) -> str:
        """Ask for one machine and return its id; do not wait for it."""
        wish = {"name": order.name, "type": order.machine_type, "region": order.region, "key": order.key_name}
        answer = self._api.post("/v1/machines", {**wish, "spot": order.spot, "labels": dict(order.labels)})
        return str(answer["id"])

    def delete(self, machine_id: str) -> None:
        """Give one machine back."""
        self._api.delete(f"/v1/machines/{machine_id}")

    def machines(self) -> Iterator[Machine]:
        """Every page of all that the account has, whoever's it is."""
        after: str | None = ""
        while after is not None:
            page = self._api.get("/v1/machines", after=after)
            yield from map(_machine, page["machines"])
            after = page["next"]


STATES: Mapping[str, NodeState] = {"pending": NodeState.PENDING, "running": NodeState.RUNNING}


def _machine(row: Mapping[str, Any]) -> Machine:
    ssh = row["ssh"] or {}  # known once it runs
    failed, reclaimed = row["state"] == "failed", row["state"] == "reclaimed"
    return Machine(
        row["id"],
        STATES.get(row["state"], NodeState.TERMINATING),
        row["name"],
        machine_type=row["type"],
        region=row["region"],
        endpoint=ssh_endpoint(ssh.get("host"), ssh.get("port", 22), ssh.get("user", "root")),
        created_at=datetime.fromisoformat(row["created_at"]),
        hourly_cost=Decimal(row["usd_per_hour"]),
        cause=Cause.PREEMPTED if reclaimed else Cause.UNKNOWN,
        error=InsufficientCapacity(row["error"]["message"], scope=row["region"]) if failed else None,
    )
