"""What a launch would rent, and asking whether it may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from styx.cli.ask import confirm, interactive
from styx.cli.progress import progress
from styx.cli.render import clean, money, note, table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from styx.client.protocol import Candidate, Client, LaunchOptions, LaunchResult
    from styx.spec import Task

# More rows than this only push the chosen one off the screen; -o json has them all.
_ROWS = 12


def dry_run(client: Client, task: Task, options: LaunchOptions) -> LaunchResult:
    """What the launch would do, with the offers it would choose among. Makes nothing."""
    from dataclasses import replace

    with progress() as report:
        return client.launch(task, replace(options, dryrun=True), report)


def ask_to_launch(client: Client, task: Task, options: LaunchOptions) -> LaunchOptions:
    """Get consent to what the launch will cost, and return the options with that and the cluster's name settled.

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
    plan = dry_run(client, task, options)
    chosen = next((offer for offer in plan.candidates if offer.chosen), None)
    cost = chosen.hourly_cost if chosen else None
    named = replace(options, cluster=options.cluster or plan.cluster or None, agreed_hourly_cost=cost)
    if cost != 0:
        if interactive():
            note(plan_table(plan.candidates))
        what = f"cluster {clean(named.cluster)}" if named.cluster else "a new cluster"
        where = f" on {clean(chosen.infra)}" if chosen else ""
        where += f" as {clean(chosen.account)}" if chosen and chosen.account != "default" else ""
        confirm(f"Make {what}{where} for {price(cost)}?")
    return named


def price(cost: Decimal | int | None) -> str:
    """What it costs, in words."""
    return "an unknown price" if cost is None else f"{money(cost)} an hour"


def plan_table(candidates: Sequence[Candidate]) -> str:
    """The offers that were considered, the chosen one first."""
    ordered = sorted(candidates, key=lambda offer: not offer.chosen)
    named = any(offer.account != "default" for offer in candidates)
    rows = [
        (
            offer.infra,
            *((offer.account,) if named else ()),
            offer.instance_type,
            f"{offer.vcpus:g}",
            f"{offer.memory_gib:g} GiB",
            offer.accelerators,
            money(offer.hourly_cost),
            "chosen" if offer.chosen else offer.rejected,
        )
        for offer in ordered[:_ROWS]
    ]
    account = ("ACCOUNT",) if named else ()
    text = table(("INFRA", *account, "INSTANCE", "VCPUS", "MEMORY", "ACCELERATORS", "COST/H", "RESULT"), rows)
    rest = len(ordered) - len(rows)
    return f"{text}\n... and {rest} more; -o json shows all" if rest else text
