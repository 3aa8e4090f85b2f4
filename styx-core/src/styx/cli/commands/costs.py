"""``styx cost-report``: what clusters have cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from styx.cli import options, views
from styx.cli.command import Command, option
from styx.cli.render import duration, json_text, moment, money, note, table
from styx.cli.session import connected
from styx.cli.values import WholeNumber

if TYPE_CHECKING:
    from styx.client.costs import Bill, CostReport, Total

EXAMPLES = """
styx cost-report
styx cost-report --days 30
styx cost-report -o json | jq '.totals[] | {cloud, account, cost}'
"""
JSON = """
{since, until, cost,
 clusters: [{name, state, infra, cloud, region, account, instance_type,
   resources, num_nodes, spot, task, user, created_at, began_at, ended_at,
   seconds, unpriced_seconds, hourly_cost, cost}],
 totals: [{cloud, account, unpriced_seconds, cost}]}
Dearest first; state is gone once a cluster is. cost is a string, USD; what
was billed at an unknown price is not in it, but in unpriced_seconds.
"""


@click.command("cost-report", cls=Command, notes={"Examples": EXAMPLES, "JSON": JSON})
@option("--days", type=WholeNumber(min=1), metavar="N", help="Count the last N days alone.")
@options.accepted("-a", "--all")
@options.output_option
def cost_report(days: int | None, output: str) -> None:
    """See what clusters have cost so far, also those that are gone, and what each account has.

    A cluster counts from when its machines are asked for until they are seen to be gone; while it is stopped, for what
    its disks cost, if the provider says so. Prices are those of the offers; what else a provider bills is not known.
    """
    with connected() as client:
        report = client.costs(days)
    if output == "json":
        click.echo(json_text(views.costs(report)))
    elif not report.bills:
        click.echo(f"Nothing was billed{f' in the last {days} days' if days else ' yet'}.")
    else:
        click.echo(_tables(report))


def _tables(report: CostReport) -> str:
    rows = [_row(bill) for bill in report.bills]
    clusters = table(("CLUSTER", "STATE", "INFRA", "ACCOUNT", "NODES", "RESOURCES", "BEGAN", "BILLED", "COST"), rows)
    sums = [(total.cloud, total.account, _cost(total)) for total in report.totals]
    if any(total.unpriced for total in report.totals):
        note("A + is where the price was not known all the time: it was more than that.")
    return f"{clusters}\n\n{table(('CLOUD', 'ACCOUNT', 'COST'), [*sums, ('all', '', money(report.cost))])}"


def _row(bill: Bill) -> tuple[object, ...]:
    return (
        bill.cluster,
        bill.state,
        views.bill_infra(bill),
        bill.account,
        bill.num_nodes,
        bill.resources or bill.instance_type,
        moment(bill.began_at),
        duration(float(bill.seconds)),
        _cost(bill),
    )


def _cost(each: Bill | Total) -> str:
    if each.unpriced:
        return f"{money(each.cost)}+" if each.cost else "-"
    return money(each.cost)
