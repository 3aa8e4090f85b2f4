"""``styx recover``: take up again, or remove, what no cluster on record stands for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from styx.cli import options
from styx.cli.ask import confirm
from styx.cli.command import Command, option
from styx.cli.each import each
from styx.cli.orphans import OURS, SURPLUS, kind, listing
from styx.cli.progress import progress
from styx.cli.render import clean, note
from styx.cli.session import connected
from styx.words import count

if TYPE_CHECKING:
    from styx.client.protocol import Client
    from styx.engine.orphans import Orphan
    from styx.store.records import ClusterRecord

EXAMPLES = """
styx status --orphans        # only look
styx recover                 # all there is, after the database was lost
styx recover train-1         # this one
styx recover --down train-1  # remove it instead
styx recover --down i-0abc   # a machine that nobody can attribute, by its id
"""
EXIT = """
0, or that of the first that failed; the others are still done.
2 when a name is given that is not among what was found.
"""


@click.command(cls=Command, notes={"Examples": EXAMPLES, "Exit code": EXIT})
@click.argument("names", nargs=-1, metavar="[NAME]...")
@option("--down", is_flag=True, help="Remove what was found, rather than take it up as a cluster.")
@options.yes_option
@click.pass_context
def recover(ctx: click.Context, names: tuple[str, ...], down: bool, yes: bool) -> None:
    """Take up again what is there but not on record, or remove it.

    Looks at every place of every account. What carries the name of this installation becomes a cluster again, with its
    jobs; without names, all of it. Leftovers, such as disks and addresses without a machine, can only be removed. So
    can a machine that nobody can attribute, and only by its id, once no launch is under way that it may have come of.
    """
    with connected() as client:
        with progress() as look:
            look("recover", "looking at every place")
            found = client.orphans()
        for what in found.unseen:
            note(f"Not looked at: {clean(what)}")
        chosen = _chosen(found.orphans, names, down=down)
        if not chosen:
            click.echo("Nothing to recover.")
            return
        note(listing(chosen))
        verb = "Remove" if down else "Take up"
        confirm(f"{verb} {', '.join(clean(orphan.name) for orphan in chosen)}?", yes=yes)
        by_key = {_key(orphan, chosen): orphan for orphan in chosen}
        ctx.exit(each(by_key, lambda key: _carry_out(client, by_key[key], down=down)))


def _carry_out(client: Client, orphan: Orphan, *, down: bool) -> None:
    if down:
        with progress() as report_:
            client.discard(orphan, report_)
        click.echo(f"{clean(orphan.name)} is gone.")
    else:
        record = client.adopt(orphan)
        click.echo(f"Cluster {clean(record.name)} is on record again: {record.state}{_inside(record)}.")


def _inside(record: ClusterRecord) -> str:
    """Which container its jobs run in: known where its nodes have said so."""
    if not record.request:
        return "; it is not known yet whether jobs run in a container there: its nodes are asked before the next one"
    image = record.request.get("container")
    return f", with jobs in the container {clean(str(image))}" if image else ""


def _chosen(orphans: Sequence[Orphan], names: Sequence[str], *, down: bool) -> tuple[Orphan, ...]:
    """What is meant. Raises BadInput for a name that is not there, and for what can only be removed."""
    if not names:
        return tuple(orphan for orphan in orphans if kind(orphan) == OURS and (down or orphan.nodes))
    from styx.api.errors import BadInput

    chosen = tuple(orphan for orphan in orphans if not _words(orphan).isdisjoint(names))
    for name in names:
        meant = [orphan for orphan in chosen if name in _words(orphan)]
        if not meant:
            raise BadInput(f"nothing named {name!r} was found", hint="`styx status --orphans` lists what there is.")
        if len(meant) > 1 and any(orphan.owner is None for orphan in meant):
            raise BadInput(
                f"{name!r} is the name of {count(len(meant), 'thing')}: say which",
                hint=f"There are {', '.join(sorted(map(_place, meant)))}.",
            )
    for orphan in chosen:
        if kind(orphan) == SURPLUS:
            raise BadInput(
                f"{orphan.name!r} is {count(len(orphan.nodes), 'machine')} too many of cluster {orphan.cluster!r}",
                hint=f"`styx down {orphan.cluster}` removes the cluster with all its machines.",
            )
        if not down and (orphan.owner is None or not orphan.nodes):
            raise BadInput(
                f"{orphan.name!r} cannot become a cluster again: {_why_not(orphan)}",
                hint=f"`styx recover --down {orphan.name}` removes it." if orphan.nodes or orphan.owner else None,
            )
    return chosen


def _why_not(orphan: Orphan) -> str:
    if orphan.owner is None:
        return "nobody can tell whose it is"
    return f"only {count(len(orphan.leftovers), 'leftover')} is there"


def _words(orphan: Orphan) -> set[str]:
    """What it may be called by."""
    return {orphan.name, orphan.owner.name if orphan.owner is not None else orphan.name, _place(orphan)}


def _place(orphan: Orphan) -> str:
    """A name that no other has: ids are the place's own, and two attempts of one cluster may be about."""
    own = orphan.owner.name if orphan.owner is not None else orphan.name
    return f"{orphan.cloud}/{orphan.account}/{orphan.scope.name}/{own}"


def _key(orphan: Orphan, chosen: Sequence[Orphan]) -> str:
    """What it is called while it is worked on: short, unless another of those would be called so too."""
    short = orphan.owner.name if orphan.owner is not None else orphan.name
    same = [other for other in chosen if short in _words(other)]
    return short if len(same) == 1 else _place(orphan)
