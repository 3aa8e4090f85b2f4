"""The JSON that ``-o json`` prints: one function for each thing, so that its shape is written down once.

Times are ISO 8601 in UTC, money is a string in USD per hour, states are lower-case words, unknown is null.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from styx.cli.render import iso

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from styx.api.backend import Autostop, JobInfo
    from styx.api.offers import Offer
    from styx.client.costs import Bill, CostReport
    from styx.client.protocol import CheckResult, LaunchResult
    from styx.engine.orphans import Search
    from styx.hookspecs import DoctorFinding
    from styx.store.records import ClusterRecord, EventRecord, NodeRecord

Shape = dict[str, Any]


def cluster(record: ClusterRecord, billed: Decimal | None, nodes: Sequence[NodeRecord] | None = None) -> Shape:
    """One cluster, and what it is billed for right now; ``nodes`` only where they were asked for (``status -v``)."""
    shape: Shape = {
        "name": record.name,
        "state": str(record.state),
        "infra": infra(record),
        "cloud": record.cloud,
        "region": record.region or None,
        "zone": record.zone or None,
        "account": record.account or None,
        "instance_type": record.instance_type or None,
        "resources": record.resources or None,
        "num_nodes": record.num_nodes,
        "spot": record.spot,
        "hourly_cost": usd(record.hourly_cost),
        "disk_hourly_cost": usd(record.disk_hourly_cost),
        "billed_hourly_cost": usd(billed),
        "task": record.task_name or None,
        "user": record.user or None,
        "created_at": _time(record.created_at),
        "launched_at": _time(record.launched_at),
        "updated_at": _time(record.updated_at),
        "autostop": _autostop(record.autostop, confirmed=record.autostop_set),
        "operation": record.operation.kind if record.operation else None,
        "error": record.error,
    }
    if nodes is not None:
        shape["nodes"] = [node(each) for each in nodes]
    return shape


def orphans(found: Search) -> Shape:
    """What is there without a record, and what could not be looked at."""
    from styx.cli.orphans import kind

    return {
        "orphans": [
            {
                "name": each.name,
                "kind": kind(each),
                "cloud": each.cloud,
                "account": each.account,
                "scope": each.scope.name,
                "attempt": each.owner.name if each.owner is not None else None,
                "cluster": each.cluster or None,
                "hourly_cost": usd(each.hourly_cost),
                "nodes": [
                    {"id": n.id, "rank": n.rank, "state": str(n.state), "region": n.region, "zone": n.zone}
                    for n in each.nodes
                ],
                "leftovers": [{"id": rest.id, "kind": rest.kind} for rest in each.leftovers],
            }
            for each in found.orphans
        ],
        "unseen": list(found.unseen),
    }


def infra(found: ClusterRecord | Offer) -> str:
    """Where a cluster is, or what is offered, as in a task file and for ``--infra``: ``cloud/region/zone``."""
    return "/".join(part for part in (found.cloud, found.region, found.zone) if part)


def node(record: NodeRecord) -> Shape:
    """One node of a cluster."""
    return {
        "rank": record.rank,
        "id": record.node_id,
        "state": record.state,
        "ip": address(record),
        "private_ip": record.private_ip or None,
        "public_ip": record.public_ip or None,
        "seen_at": _time(record.seen_at),
    }


def address(record: NodeRecord) -> str | None:
    """The address to reach a node at from here."""
    host = record.endpoint.options.get("host") if record.endpoint else None
    return record.public_ip or host or record.private_ip or None


def event(record: EventRecord) -> Shape:
    """One line of a cluster's history."""
    return {
        "at": _time(record.at),
        "cluster": record.cluster,
        "kind": record.kind,
        "from": record.from_state or None,
        "to": record.to_state or None,
        "reason": record.reason or None,
    }


def job(info: JobInfo, cluster_name: str) -> Shape:
    """One job of a cluster."""
    return {
        "cluster": cluster_name,
        "id": info.id,
        "name": info.name or None,
        "state": str(info.state),
        "exit_code": info.exit_code,
        "reason": info.reason or None,
        "submitted_at": _time(info.submitted_at),
        "started_at": _time(info.started_at),
        "ended_at": _time(info.ended_at),
        "num_nodes": info.num_nodes,
        "cpus": info.cpus,
        "gpus": info.gpus,
        "user": info.user or None,
        "ranks": {str(rank): code for rank, code in sorted(info.ranks.items())},
    }


def launch(result: LaunchResult) -> Shape:
    """What a launch came to, with the offers that were considered."""
    return {
        "cluster": result.cluster,
        "job_id": result.job_id,
        "created": result.created,
    }


def check(result: CheckResult) -> Shape:
    """Whether one cloud or store can be used."""
    return {
        "kind": result.kind,
        "name": result.name,
        "account": result.account or None,
        "enabled": result.enabled,
        "message": result.message,
        "capabilities": list(result.capabilities),
        "faults": list(result.faults),
    }


def costs(report: CostReport) -> Shape:
    """What clusters have cost, and the totals."""
    return {
        "since": _time(report.since),
        "until": _time(report.until),
        "cost": _sum(report.cost),
        "clusters": [_bill(each) for each in report.bills],
        "totals": [
            {
                "cloud": total.cloud,
                "account": total.account,
                "unpriced_seconds": float(total.unpriced),
                "cost": _sum(total.cost),
            }
            for total in report.totals
        ],
    }


def _bill(bill: Bill) -> Shape:
    return {
        "name": bill.cluster,
        "state": bill.state,
        "infra": bill_infra(bill),
        "cloud": bill.cloud,
        "region": bill.region or None,
        "account": bill.account,
        "instance_type": bill.instance_type or None,
        "resources": bill.resources or None,
        "num_nodes": bill.num_nodes,
        "spot": bill.spot,
        "task": bill.task or None,
        "user": bill.user or None,
        "created_at": _time(bill.created_at),
        "began_at": _time(bill.began_at),
        "ended_at": _time(bill.ended_at),
        "seconds": float(bill.seconds),
        "unpriced_seconds": float(bill.unpriced),
        "hourly_cost": usd(bill.hourly_cost),
        "cost": _sum(bill.cost),
    }


def bill_infra(bill: Bill) -> str:
    """Where a cluster is or was billed: ``cloud/region``."""
    return "/".join(part for part in (bill.cloud, bill.region) if part)


def finding(found: DoctorFinding) -> Shape:
    """One thing that the doctor looked at."""
    return {"check": found.check, "level": found.level, "message": found.message, "fix": found.fix or None}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)


def usd(cost: Decimal | None) -> str | None:
    """An amount of money."""
    return None if cost is None else format(cost, "f")


def _sum(amount: Decimal) -> str:
    """A sum of money to the millionth: what an hour costs, times seconds, has no end."""
    return format(amount, ".6f")


def _autostop(policy: Autostop | None, *, confirmed: bool) -> Shape | None:
    if policy is None:
        return None
    return {
        "idle_minutes": policy.idle_minutes,
        "down": policy.down,
        "wait_for": policy.wait_for,
        "confirmed": confirmed,
    }
