"""The GPU market Nimbus: names are not unique, orders may fail late, and the listing has pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from styx.api import (
    Accelerator,
    AuthFailed,
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
    OfferGone,
    Order,
    ProviderError,
    QuotaExceeded,
    Services,
    SimpleCloud,
    Traits,
    ssh_endpoint,
)

STATES: Mapping[str, NodeState] = {
    "pending": NodeState.PENDING,
    "running": NodeState.RUNNING,
    "failed": NodeState.TERMINATING,
    "reclaimed": NodeState.TERMINATING,
    "deleting": NodeState.TERMINATING,
}


class NimbusCloud(SimpleCloud):
    """See :class:`styx.api.SimpleCloud`."""

    name: ClassVar[str] = "nimbus"
    traits: ClassVar[Traits] = Traits(Idempotency.SEARCH, settle_after=2.0, boot_deadline=120.0)
    takes = frozenset({"labels"})
    errors: ClassVar[ErrorMap] = {
        401: AuthFailed,
        "out_of_stock": InsufficientCapacity,
        "unknown_type": OfferGone,
        "quota": lambda said: QuotaExceeded(said, resource="machines"),
        "key_exists": Conflict,
        "busy": Conflict,
    }

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        token = services.config.token.get_secret_value()
        self._api = JsonApi(services.config.url, headers={"Authorization": f"Bearer {token}"}, errors=self.errors)

    def account(self) -> str:
        """The account's own id."""
        return str(self._api.get("/v1/account")["id"])

    def price_list(self) -> Iterator[MachineType]:
        """What is sold right now."""
        for row in self._api.get("/v1/offers")["offers"]:
            gpus = Accelerator(row["gpu"], row["gpus"], row["gpu_memory_gib"]) if row.get("gpu") else None
            spot = row.get("spot_usd_per_hour")
            yield MachineType(
                row["type"], row["vcpus"], row["memory_gib"], Decimal(row["usd_per_hour"]), row["region"],
                accelerators=(gpus,) if gpus else (), spot_hourly_price=Decimal(spot) if spot else None,
                disk_gib=row["disk_gib"],
            )  # fmt: skip

    def upload_key(self, name: str, public_key: str) -> None:
        """Machines take keys by name; one that is there already is ours, for the name says so."""
        try:
            self._api.post("/v1/keys", {"name": name, "public_key": public_key})
        except Conflict:
            return

    def create(self, order: Order) -> str:
        """Ask for one machine."""
        wish = {"name": order.name, "type": order.machine_type, "region": order.region, "key": order.key_name}
        answer = self._api.post("/v1/machines", {**wish, "spot": order.spot, "labels": dict(order.labels)})
        return str(answer["id"])

    def machines(self) -> Iterator[Machine]:
        """Every page of the account's machines."""
        after: int | None = 0
        while after is not None:
            page = self._api.get("/v1/machines", after=after)
            yield from map(_machine, page["machines"])
            after = page["next"]

    def delete(self, machine_id: str) -> None:
        """Give one machine back."""
        self._api.delete(f"/v1/machines/{machine_id}")

    def preemption_notice_command(self, offer: Offer) -> str | None:
        """Nimbus takes spot machines back without notice."""
        del offer


def _machine(row: Mapping[str, Any]) -> Machine:
    ssh = row["ssh"] or {}
    reclaimed = row["state"] == "reclaimed"
    return Machine(
        row["id"], STATES[row["state"]], row["name"], machine_type=row["type"], region=row["region"],
        endpoint=ssh_endpoint(ssh.get("host"), ssh.get("port", 22), ssh.get("user", "root")),
        public_ip=ssh.get("host"), created_at=datetime.fromisoformat(row["created_at"]),
        hourly_cost=Decimal(row["usd_per_hour"]), cause=Cause.PREEMPTED if reclaimed else Cause.UNKNOWN,
        evidence="reclaimed by Nimbus" if reclaimed else "", error=_error(row),
    )  # fmt: skip


def _error(row: Mapping[str, Any]) -> ProviderError | None:
    """Why an accepted order failed."""
    if row["state"] != "failed":
        return None
    return InsufficientCapacity(f"{row['name']}: {row['error']['message']}", scope=row["region"])
