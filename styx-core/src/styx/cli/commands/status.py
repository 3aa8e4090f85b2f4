"""``styx status``: list clusters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from styx.cli import autostop, habits, options, views
from styx.cli.command import Command, option
from styx.cli.progress import progress
from styx.cli.render import ago, clean, json_text, moment, money, note, table
from styx.cli.selection import find
from styx.cli.session import connected
from styx.words import sentences

if TYPE_CHECKING:
    from decimal import Decimal

    from styx.client.protocol import Client
    from styx.store.records import ClusterRecord

_GONE = ("failed", "lost", "preempted")  # not all of the nodes may be left
_TOLD = ("up", *_GONE)  # in which there may be a reason, and what to do: to one that is up its end may be announced

EXAMPLES = """
styx status
styx status 'train-*' --refresh   # ask the providers first
styx status dev -v                # with its nodes
ssh me@$(styx status --ip dev)
styx status --history dev         # also after dev is gone
styx status --orphans             # what bills and has no record
styx status -o json | jq '.[] | select(.state == "up") | .name'
"""
JSON = """
A list of objects:
  {name, state, infra, cloud, region, zone, account, instance_type,
   resources, num_nodes, spot, hourly_cost, disk_hourly_cost,
   billed_hourly_cost, task, user, created_at, launched_at, updated_at,
   autostop: {idle_minutes, down, wait_for, confirmed},
   operation, error: {code, message, hint}}
With -v also nodes: [{rank, id, state, ip, private_ip, public_ip, seen_at}].
With --history: [{at, cluster, kind, from, to, reason}]; the reason of kind
phases is how long each phase of a launch took.
Unknown values are null, times ISO 8601 in UTC, money strings: USD an hour
while it is up (hourly_cost), while it is stopped (disk_hourly_cost), and
right now (billed_hourly_cost), which is 0 where no machine of it is left.
"""


@click.command(cls=Command, refused=habits.STATUS, notes={"Examples": EXAMPLES, "JSON": JSON})
@options.clusters_argument
@option(
    "-r",
    "--refresh",
    is_flag=True,
    help="Ask the providers about all of them, not only where something may have changed.",
)
@option("-v", "--verbose", is_flag=True, help="Show nodes, accounts, tasks and errors too.")
@option("--ip", is_flag=True, help="Print the address of one cluster's head node and nothing else.")
@option("--history", is_flag=True, help="Show what happened to the named clusters.")
@option("--orphans", is_flag=True, help="Look everywhere for what is there and not on record, with its cost.")
@options.accepted("-u", "--all-users")
@options.accepted("--no-show-managed-jobs")
@options.accepted("--no-show-services")
@options.accepted("--no-show-pools")
@options.output_option
def status(patterns: tuple[str, ...], output: str, **flags: Any) -> None:
    """List clusters: all, or those whose names or patterns are given."""
    modes = [f"--{mode}" for mode in ("ip", "history", "orphans") if flags[mode]]
    if len(modes) > 1:
        raise click.UsageError(f"{' and '.join(modes)} exclude each other")
    if flags["orphans"] and patterns:
        raise click.UsageError("--orphans looks everywhere; leave the names out")
    with connected() as client:
        if flags["orphans"]:
            _orphans(client, output)
        elif flags["history"]:
            _history(client, patterns, output)
        elif flags["ip"]:
            _ip(client, patterns)
        else:
            _list(client, patterns, output, verbose=flags["verbose"], refresh=flags["refresh"])


def _list(client: Client, patterns: Sequence[str], output: str, *, verbose: bool, refresh: bool) -> None:
    if refresh:
        with progress() as report:
            report("refresh", "asking the providers")
            records = find(client, patterns, refresh=True)
    else:
        records = find(client, patterns)
    why = client.outdated()
    if why is not None:
        note(clean(sentences(f"This is what was on record last, nothing was looked at: {why.message}", why.hint)))
    billed = client.billed()
    costs = _costs(records, billed)
    if output == "json":
        nodes = {record.name: client.nodes(record.name) for record in records if verbose}
        click.echo(json_text([views.cluster(r, costs[r.name], nodes.get(r.name)) for r in records]))
        return
    if not records:
        click.echo(_nothing(client))
    else:
        left = _left(client, records, billed)
        click.echo(_details(client, records, costs, left) if verbose else _table(records, costs, left))
        for record in records if not verbose else ():
            if record.state == "unknown":
                note(_why_unknown(client, record))
            elif record.state in _TOLD and record.error is not None:
                note(clean(sentences(f"{record.name}: {record.error['message']}", record.error.get("hint"))))
    if records and client.lost() is not None:
        note("The database was lost once: not all clusters may be on record. `styx recover` looks for the others.")
    _tell_of_another_database(client)
    given_up = client.given_up()
    if given_up:
        names = ", ".join(map(clean, given_up))
        advice = (
            "It is on its way, or could not be looked at: `styx status --orphans` shows which, a later refresh goes on."
            if refresh
            else "`styx status --refresh` removes what is left."
        )
        note(f"Given up, and perhaps still there and billed: {names}. {advice}")


def _tell_of_another_database(client: Client) -> None:
    passed_over = client.passed_over()
    if passed_over:
        names = ", ".join(map(clean, passed_over))
        note(
            f"Not listed, and perhaps running and billed: {names}. They are on record in state.db in the home, and the "
            "settings name another database: without `database` and STYX_DATABASE_URL, Styx shows and removes them."
        )


def _why_unknown(client: Client, record: ClusterRecord) -> str:
    seen = [node.seen_at for node in client.nodes(record.name) if node.seen_at is not None]
    why = (record.error or {}).get("message") or "it could not be looked at"
    return clean(sentences(f"{record.name} is unknown: {why}", f"Last seen: {moment(max(seen))}" if seen else ""))


def _nothing(client: Client) -> str:
    lost = client.lost()
    if lost is None:
        return "No clusters. `styx launch -c NAME -- COMMAND` makes one."
    return (
        f"No clusters on record. The database was lost and made anew at {moment(lost[1])}: clusters from before may "
        "still run.\n`styx recover` looks for them and takes them up again."
    )


def _table(records: Sequence[ClusterRecord], costs: Mapping[str, Decimal | None], left: Mapping[str, int]) -> str:
    now = datetime.now(UTC)
    named = any(r.account not in ("", "default") for r in records)
    rows = [
        (
            r.name,
            r.state,
            views.infra(r),
            *((r.account,) if named else ()),
            f"{left[r.name]}/{r.num_nodes}" if r.name in left else r.num_nodes,
            _machine(r),
            money(costs[r.name]),
            autostop.describe(r.autostop, confirmed=r.autostop_set),
            ago(r.launched_at or r.created_at, now),
        )
        for r in records
    ]
    account = ("ACCOUNT",) if named else ()
    return table(("NAME", "STATE", "INFRA", *account, "NODES", "RESOURCES", "COST/H", "AUTOSTOP", "AGE"), rows)


def _costs(records: Sequence[ClusterRecord], billed: Mapping[str, Decimal | None]) -> dict[str, Decimal | None]:
    """What each is billed for right now, in USD an hour; None where nobody said."""
    from decimal import Decimal

    return {r.name: r.disk_hourly_cost if r.state == "stopped" else billed.get(r.name, Decimal(0)) for r in records}


def _left(client: Client, records: Sequence[ClusterRecord], billed: Mapping[str, Decimal | None]) -> dict[str, int]:
    """How many nodes are left of those clusters of which some have gone; of what is not billed, none."""
    gone = [record for record in records if record.state in _GONE]
    found = {record.name: len(client.nodes(record.name)) if record.name in billed else 0 for record in gone}
    return {record.name: found[record.name] for record in gone if found[record.name] < record.num_nodes}


def _machine(record: ClusterRecord) -> str:
    words = (record.resources or record.instance_type, "[spot]" if record.spot else "")
    return " ".join(word for word in words if word)


def _details(
    client: Client, records: Sequence[ClusterRecord], costs: Mapping[str, Decimal | None], left: Mapping[str, int]
) -> str:
    blocks = []
    for record in records:
        facts = {
            "account": record.account,
            "instance type": record.instance_type,
            "task": record.task_name,
            "user": record.user,
            "created": moment(record.created_at),
            "changed": moment(record.updated_at),
            "under way": record.operation.kind if record.operation else "",
            "error": (record.error or {}).get("message", ""),
            "what to do": (record.error or {}).get("hint", ""),
        }
        lines = [_table([record], costs, left)]
        lines += [f"  {label + ':':<14} {clean(fact)}" for label, fact in facts.items() if fact]
        nodes = client.nodes(record.name)
        if nodes:
            cells = [(n.rank, n.state, views.address(n), n.private_ip, n.node_id, ago(n.seen_at)) for n in nodes]
            nodes_table = table(("RANK", "STATE", "ADDRESS", "PRIVATE", "ID", "SEEN"), cells)
            lines += [f"  {line}" for line in nodes_table.splitlines()]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _orphans(client: Client, output: str) -> None:
    from styx.cli.orphans import report as orphans_report

    with progress() as report:
        report("orphans", "looking at every place")
        found = client.orphans()
    click.echo(json_text(views.orphans(found)) if output == "json" else orphans_report(found))
    _tell_of_another_database(client)


def _ip(client: Client, patterns: Sequence[str]) -> None:
    if len(patterns) != 1:
        raise click.UsageError("--ip needs the name of one cluster")
    records = find(client, patterns)
    if len(records) != 1:
        raise click.UsageError(f"--ip needs one cluster, and {patterns[0]!r} matches {len(records)}")
    nodes = client.nodes(records[0].name)
    address = views.address(nodes[0]) if nodes else None
    if address is None:
        from styx.api.errors import ClusterNotUp

        (record,) = records
        raise ClusterNotUp(
            f"cluster {record.name!r} is {record.state} and its head node has no address",
            hint=f"`styx ssh {record.name}` opens a terminal on it, however it is reached.",
            cluster=record.name,
            state=str(record.state),
        )
    click.echo(clean(address))


def _history(client: Client, names: Sequence[str], output: str) -> None:
    if not names:
        raise click.UsageError("--history needs the name of a cluster")
    events = [event for name in names for event in client.history(name)]
    if output == "json":
        click.echo(json_text([views.event(event) for event in events]))
        return
    rows = [
        (moment(e.at), e.cluster, e.kind, " -> ".join(s for s in (e.from_state, e.to_state) if s), e.reason)
        for e in events
    ]
    click.echo(table(("TIME", "CLUSTER", "EVENT", "STATE", "REASON"), rows) if rows else "Nothing is on record.")
