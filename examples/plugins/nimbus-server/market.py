"""The market: accounts, keys, prices, stock, and machines with a life of their own. Knows nothing of HTTP."""

from __future__ import annotations

import itertools
import secrets
import tempfile
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hosts import Host

PRICES: tuple[dict[str, Any], ...] = (
    {"type": "cpu.small", "region": "oslo", "vcpus": 2, "memory_gib": 4, "disk_gib": 20, "usd_per_hour": "0.02",
     "spot_usd_per_hour": "0.01"},
    {"type": "cpu.small", "region": "quito", "vcpus": 2, "memory_gib": 4, "disk_gib": 20, "usd_per_hour": "0.03",
     "spot_usd_per_hour": "0.015"},
    {"type": "a100.1x", "region": "oslo", "vcpus": 12, "memory_gib": 120, "disk_gib": 200, "gpu": "A100-80GB",
     "gpus": 1, "gpu_memory_gib": 80, "usd_per_hour": "1.20", "spot_usd_per_hour": "0.55"},
    {"type": "h100.1x", "region": "oslo", "vcpus": 26, "memory_gib": 200, "disk_gib": 500, "gpu": "H100",
     "gpus": 1, "gpu_memory_gib": 80, "usd_per_hour": "2.49", "spot_usd_per_hour": "1.10"},
    {"type": "h100.1x", "region": "quito", "vcpus": 26, "memory_gib": 200, "disk_gib": 500, "gpu": "H100",
     "gpus": 1, "gpu_memory_gib": 80, "usd_per_hour": "2.29"},
    {"type": "h100.8x", "region": "oslo", "vcpus": 208, "memory_gib": 1800, "disk_gib": 4000, "gpu": "H100",
     "gpus": 8, "gpu_memory_gib": 80, "usd_per_hour": "19.20"},
)  # fmt: skip


class Refused(Exception):
    """The market says no: HTTP status, code and sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass
class Rented:
    """One machine. ``state``: pending, running, failed, reclaimed, deleting."""

    id: str
    number: int
    name: str
    kind: str
    region: str
    spot: bool
    labels: dict[str, str]
    created: datetime
    usd_per_hour: str
    host: Host
    state: str = "pending"
    error: dict[str, str] | None = None

    def shown(self) -> dict[str, Any]:
        """The machine as the API tells it: how to reach it is known once it runs."""
        row: dict[str, Any] = {
            "id": self.id, "name": self.name, "type": self.kind, "region": self.region, "spot": self.spot,
            "state": self.state, "labels": self.labels, "created_at": self.created.isoformat(),
            "usd_per_hour": self.usd_per_hour, "error": self.error, "ssh": None,
        }  # fmt: skip
        if self.state == "running":
            row["ssh"] = {"host": "127.0.0.1", "port": self.host.port, "user": self.host.user}
        return row


@dataclass
class Market:
    """One account's view of it. Thread-safe.

    ``stock`` is how many of a type can be had (others: as many as one likes), ``late`` the types whose stock-outs come
    late: the order is accepted, and fails while it boots.
    """

    boot_seconds: float = 0.5
    delete_seconds: float = 0.2
    limit: int = 32  # machines of the account
    stock: dict[str, int] = field(default_factory=dict)
    late: set[str] = field(default_factory=set)
    account: str = "acct-7f3a"
    keys: dict[str, str] = field(default_factory=dict)
    rented: dict[str, Rented] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make room for the machines' disks."""
        self._room = tempfile.TemporaryDirectory(prefix="nimbus-", ignore_cleanup_errors=True)
        self._lock = threading.RLock()
        self._ids = itertools.count(1)

    def add_key(self, name: str, public_key: str) -> None:
        """Know a key; a name can be given once."""
        if not public_key.startswith(("ssh-", "ecdsa-")):
            raise Refused(422, "invalid_key", "public_key is not an OpenSSH public key")
        with self._lock:
            if name in self.keys:
                raise Refused(409, "key_exists", f"there is a key named {name} already")
            self.keys[name] = public_key

    def rent(self, order: dict[str, Any]) -> Rented:
        """Accept an order, or refuse it. The machine boots later, and may fail then."""
        with self._lock:
            row, key = self._checked(order)
            self._require_stock(str(row["type"]))
            number = next(self._ids)
            id_ = f"nm-{number}-{secrets.token_hex(3)}"
            spot = bool(order.get("spot"))
            machine = Rented(
                id_, number, str(order.get("name", "")), str(row["type"]), str(row["region"]), spot,
                {str(k): str(v) for k, v in (order.get("labels") or {}).items()}, datetime.now(UTC),
                str(row["spot_usd_per_hour" if spot else "usd_per_hour"]), Host(Path(self._room.name), id_, key),
            )  # fmt: skip
            sold_out = machine.kind in self.late and self._left(machine.kind) <= 0
            self.rented[id_] = machine
        threading.Thread(target=self._boot, args=(machine, sold_out), name=f"boot-{id_}", daemon=True).start()
        return machine

    def listed(self) -> list[Rented]:
        """All machines, oldest first."""
        with self._lock:
            return list(self.rented.values())

    @staticmethod
    def number_of(id_: str) -> int:
        """When the machine was made among all, from 1; 0 for no machine. It need not be there any more."""
        number = id_.removeprefix("nm-").partition("-")[0]
        return int(number) if number else 0

    def release(self, id_: str) -> None:
        """Give a machine back; it goes a moment later."""
        with self._lock:
            machine = self.rented.get(id_)
            if machine is None:
                raise Refused(404, "not_found", f"there is no machine {id_}")
            if machine.state == "deleting":
                raise Refused(409, "busy", f"machine {id_} is being deleted already")
            machine.state = "deleting"
        threading.Thread(target=self._go, args=(machine,), name=f"delete-{id_}", daemon=True).start()

    def reclaim(self, id_: str, seconds: float = 0.0) -> None:
        """Take a spot machine back: it is told now, ends so much later, and is listed as such until it is deleted."""
        machine = self.rented[id_]
        if seconds:
            machine.host.warn()
            time.sleep(seconds)
        with self._lock:
            if machine.state != "deleting":
                machine.state = "reclaimed"
        machine.host.end()

    def close(self) -> None:
        """End every machine."""
        for machine in self.listed():
            machine.host.end()
        self._room.cleanup()

    def _checked(self, order: dict[str, Any]) -> tuple[dict[str, Any], str]:
        rows = [each for each in PRICES if each["type"] == order.get("type")]
        if not rows:
            raise Refused(404, "unknown_type", f"there is no type {order.get('type')!r}")
        row = next((each for each in rows if each["region"] == order.get("region")), None)
        if row is None:
            raise Refused(404, "unknown_type", f"{order['type']} is not sold in {order.get('region')!r}")
        if order.get("spot") and "spot_usd_per_hour" not in row:
            raise Refused(422, "no_spot", f"{order['type']} is not sold as spot in {row['region']}")
        if order.get("key") not in self.keys:
            raise Refused(422, "unknown_key", f"there is no key {order.get('key')!r}")
        if len(self.rented) >= self.limit:
            raise Refused(403, "quota", f"the account may have {self.limit} machines")
        return row, self.keys[str(order["key"])]

    def _require_stock(self, kind: str) -> None:
        if kind not in self.late and self._left(kind) <= 0:
            raise Refused(409, "out_of_stock", f"no {kind} left")

    def _left(self, kind: str) -> int:
        taken = sum(1 for each in self.rented.values() if each.kind == kind and each.state != "failed")
        return self.stock.get(kind, self.limit + 1) - taken

    def _boot(self, machine: Rented, sold_out: bool) -> None:
        time.sleep(self.boot_seconds)
        if sold_out:
            self._fail(machine, "out_of_stock", f"the last {machine.kind} went to somebody else")
            return
        try:
            machine.host.boot()
        except (OSError, RuntimeError) as error:
            self._fail(machine, "broken_host", str(error))
            return
        with self._lock:
            if machine.state == "pending":
                machine.state = "running"

    def _fail(self, machine: Rented, code: str, message: str) -> None:
        with self._lock:
            if machine.state == "pending":
                machine.state, machine.error = "failed", {"code": code, "message": message}

    def _go(self, machine: Rented) -> None:
        time.sleep(self.delete_seconds)
        machine.host.end()
        with self._lock:
            self.rented.pop(machine.id, None)
