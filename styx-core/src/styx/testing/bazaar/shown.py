"""What the bazaar shows of a machine: not always the truth, and never more than the provider would know."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from styx.api import Billing, Cause, Endpoint, Leftover, Node, NodeState, Owner
from styx.testing.bazaar.habits import Habits, Interruption
from styx.testing.bazaar.state import DISK_PRICE, Machine, Part

GATEWAY = "198.51.100.7"  # TEST-NET-2: belongs to nobody
PORTS_EACH = 100  # of the gateway, for each machine


def is_listed(machine: Machine, habits: Habits, now: float, listing: int) -> bool:
    """Whether this listing has the machine. Replicas that lag disagree with others where the habit is to flicker."""
    fresh = habits.flickers and listing % 2 == 0
    if now < machine.born + habits.late_births and not fresh:
        return False
    if machine.gone is None or now < machine.gone:
        return True
    return now < machine.gone + habits.late_deaths and not fresh


def node(machine: Machine, habits: Habits, now: float, known: tuple[Owner, int | None] | None) -> Node:
    """The machine as a listing has it."""
    seen_at = now if machine.going is None or now >= machine.going + habits.late_deaths else machine.going - 1e-6
    state = machine.state(seen_at)
    up = state is NodeState.RUNNING
    owner, rank = known or (None, None)
    billing, cost = _billing(machine, habits, state)
    return Node(
        machine.id, owner, state, rank, machine.name if owner is not None else "",
        cause=_cause(machine, state),
        evidence=machine.evidence if state is NodeState.TERMINATING else "",
        endpoint=endpoint(machine, habits) if up else None,
        private_ip=private_address(machine) if up else None,
        public_ip=address(machine, habits) if up else None,
        billing=billing,
        hourly_cost=cost,
        token=machine.token or None,
        instance_type=machine.kind,
        created_at=datetime.fromtimestamp(machine.born, UTC),
        region=machine.place,
        zone=machine.zone or None,
    )  # fmt: skip


def leftover(part: Part, owner: Owner | None) -> Leftover:
    """A part without its machine; nobody's where the provider keeps no names."""
    return Leftover(part.id, part.kind, owner, DISK_PRICE if part.kind == "disk" else Decimal(0))


def private_address(machine: Machine) -> str:
    """The host under which its neighbours reach the machine."""
    number = machine.address
    return f"10.{number // 62500}.{number // 250 % 250}.{number % 250 + 1}"


def address(machine: Machine, habits: Habits) -> str:
    """The host under which the machine is reached from outside."""
    return GATEWAY if habits.mapped_ports else f"192.0.2.{machine.address % 250 + 1}"  # TEST-NET-1


def endpoint(machine: Machine, habits: Habits) -> Endpoint:
    """How the machine is reached: as a directory where it is one, else by SSH."""
    if machine.home:
        return Endpoint("process", {"home": machine.home, "node": Path(machine.home).name})
    port = mapped(machine.address, 22) if habits.mapped_ports else 22
    return Endpoint("ssh", {"host": address(machine, habits), "port": str(port), "user": "styx"})


def port_address(node: Node, port: int, habits: Habits) -> str:
    """``host:port`` from outside."""
    if not habits.mapped_ports:
        return f"{node.public_ip}:{port}"
    _, second, third, last = map(int, (node.private_ip or "10.0.0.1").split("."))
    return f"{GATEWAY}:{mapped(second * 62500 + third * 250 + last - 1, port)}"


def mapped(number: int, port: int) -> int:
    """The gateway's port for a port of the machine with this number."""
    return 20000 + number % 400 * PORTS_EACH + port % PORTS_EACH


def gives_notice(habits: Habits) -> bool:
    """Whether an interruption is announced."""
    return habits.interruption is Interruption.NOTICE


def _cause(machine: Machine, state: NodeState) -> Cause:
    if state is NodeState.STOPPED:
        return Cause.SELF if machine.off_by == "self" else Cause.USER
    if state is NodeState.TERMINATING:
        if machine.taken:
            return Cause.PREEMPTED
        return Cause.PROVIDER if machine.evidence else Cause.USER
    return Cause.UNKNOWN


def _billing(machine: Machine, habits: Habits, state: NodeState) -> tuple[Billing, Decimal | None]:
    if state is NodeState.TERMINATING or machine.refused is not None:
        return Billing.NONE, Decimal(0)
    if state is NodeState.STOPPED and not (machine.off_by == "self" and habits.billed_when_off):
        return Billing.DISK_ONLY, DISK_PRICE
    return Billing.FULL, Decimal(machine.price)
