"""A whole bench in one file, to start from: a small provider, the cloud for it, and the truth about it.

    python -m styx.testing.faults --cloud styx.testing.faults.example:ShopBench

Yours has the cloud in its plugin, and as provider a stand-in of your own: a server in a process, or files as here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from styx.api import (
    Cloud,
    Idempotency,
    Machine,
    MachineType,
    NodeState,
    Order,
    Owner,
    Rest,
    Services,
    SimpleCloud,
    Traits,
    ssh_endpoint,
)
from styx.testing.faults.bench import FaultBench, Thing

LAG = 2.0  # seconds until the shop's list shows a machine


class Shop:
    """The provider: rents machines out, remembers them in a file, and lists new ones late."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def create(self, name: str, now: float) -> str:
        """Rent one machine out."""
        machines = self.machines()
        number = machines[-1]["number"] + 1 if machines else 1
        self._write([*machines, {"number": number, "name": name, "born": now}])
        return f"shop-{number}"

    def delete(self, id_: str) -> None:
        """Take it back."""
        self._write([each for each in self.machines() if f"shop-{each['number']}" != id_])

    def machines(self) -> list[dict[str, Any]]:
        """All that are rented out."""
        found: list[dict[str, Any]] = json.loads(self._path.read_text()) if self._path.exists() else []
        return found

    def _write(self, machines: Sequence[dict[str, Any]]) -> None:
        draft = self._path.with_suffix(".new")  # a client that is killed leaves the file whole
        draft.write_text(json.dumps(machines))
        draft.replace(self._path)


class ShopCloud(SimpleCloud):
    """What the plugin has: machines are found again by the names that the list shows."""

    name: ClassVar[str] = "shop"
    traits: ClassVar[Traits] = Traits(Idempotency.SEARCH, settle_after=2 * LAG, boot_deadline=60.0)
    machine_types = (MachineType("box", 4, 16, Decimal("0.20")),)

    def account(self) -> str:
        """There is one."""
        return "shop-account"

    def create(self, order: Order) -> str:
        """Rent a machine."""
        return self._shop.create(order.name, self.services.clock.monotonic())

    def machines(self) -> Iterable[Machine | Rest]:
        """Those that the list has by now."""
        for each in self._shop.machines():
            if self.services.clock.monotonic() >= each["born"] + LAG:
                address = ssh_endpoint(f"192.0.2.{each['number'] % 250}", 22, "root")
                yield Machine(f"shop-{each['number']}", NodeState.RUNNING, each["name"], endpoint=address)

    def delete(self, machine_id: str) -> None:
        """Give it back."""
        self._shop.delete(machine_id)

    @property
    def _shop(self) -> Shop:
        shop: Shop = self.services.config
        return shop


class ShopBench(FaultBench):
    """All that the harness has to be told."""

    name: ClassVar[str] = "shop"
    portable: ClassVar[bool] = True  # it is all in the directory

    def open(self) -> None:
        """Open the shop."""
        self._shop = Shop(self.directory / "machines.json")

    def cloud(self, services: Services) -> Cloud:
        """A cloud of the plugin, with the settings by which it finds the stand-in."""
        return ShopCloud(replace(services, config=self._shop))

    def things(self) -> Iterable[Thing]:
        """What is rented out, whether or not the list shows it yet."""
        for each in self._shop.machines():
            owner = Owner.parse(each["name"])
            yield Thing(f"shop-{each['number']}", owner[0] if owner else None)

    def lateness(self, call: Any) -> float:
        """A late machine must be on the list before its absence counts."""
        return float(call.settle_after - LAG) / 2
