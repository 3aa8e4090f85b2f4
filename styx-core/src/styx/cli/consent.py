"""What a launch would rent, and asking whether it may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from styx.cli import explained
from styx.cli.ask import confirm, interactive
from styx.cli.progress import progress
from styx.cli.render import clean, money, note

if TYPE_CHECKING:
    from decimal import Decimal

    from styx.client.protocol import Client, LaunchOptions
    from styx.spec import Task


def ask_to_launch(client: Client, task: Task, options: LaunchOptions) -> LaunchOptions:
    """Get consent to what the launch will cost, and return the options with that.

    Nobody is asked about a cluster that is up, or about what is free: consent is to nothing then, should the launch
    find things changed. Raises BadInput when nobody can be asked.
    """
    from dataclasses import replace
    from decimal import Decimal

    existing = next((c for c in client.status() if c.name == options.cluster), None) if options.cluster else None
    if existing is not None and existing.state == "up":
        return replace(options, agreed_hourly_cost=Decimal(0))
    if existing is not None and existing.hourly_cost is not None:
        if existing.hourly_cost:
            what = f"cluster {clean(existing.name)}, which is {existing.state},"
            confirm(f"Bring up {what} for {price(existing.hourly_cost)}?")
        return replace(options, agreed_hourly_cost=existing.hourly_cost)
    with progress() as report:
        found = client.explain(task, options, report, not_yet=False)
    first = found.choices[0] if found.choices else None
    cost = first.hourly_cost if first else Decimal(0)  # the launch itself says why nothing fits
    if first is not None and cost != 0:
        if interactive():
            note(explained.text(found))
        what = f"cluster {clean(options.cluster)}" if options.cluster else "a new cluster"
        confirm(f"Make {what} on {explained.where(first)} for {price(cost)}?")
    return replace(options, agreed_hourly_cost=cost)


def price(cost: Decimal | int | None) -> str:
    """What it costs, in words."""
    return "an unknown price" if cost is None else f"{money(cost)} an hour"
