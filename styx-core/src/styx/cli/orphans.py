"""Showing what no cluster on record stands for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from styx.cli.render import ago, clean, money, table
from styx.words import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from styx.engine.orphans import Orphan, Search

OURS = "orphan"
STRANGER = "unattributed"
GIVEN_UP = "being removed"


def kind(orphan: Orphan) -> str:
    """One word for how it came about."""
    if orphan.owner is None:
        return STRANGER
    return GIVEN_UP if orphan.given_up else OURS


def report(found: Search) -> str:
    """A table of all of it with the sum, what to do about it, and what could not be looked at."""
    lines = [listing(found.orphans), "", *_advice(found.orphans)] if found.orphans else ["Nothing without a record."]
    lines += [f"Not looked at: {clean(what)}" for what in found.unseen]
    return "\n".join(lines)


def listing(orphans: Sequence[Orphan]) -> str:
    """A row for each."""
    now = datetime.now(UTC)
    rows = [
        (
            orphan.name,
            kind(orphan),
            f"{orphan.cloud}/{orphan.scope.name}",
            orphan.account,
            len(orphan.nodes),
            len(orphan.leftovers),
            money(orphan.hourly_cost),
            ago(min((n.created_at for n in orphan.nodes if n.created_at is not None), default=None), now),
        )
        for orphan in orphans
    ]
    # A place is what can be looked at in one go: a region, a pool, or all that an account has.
    return table(("NAME", "KIND", "PLACE", "ACCOUNT", "NODES", "LEFTOVERS", "COST/H", "AGE"), rows)


def _advice(orphans: Sequence[Orphan]) -> list[str]:
    known = [orphan.hourly_cost for orphan in orphans if orphan.hourly_cost is not None]
    unknown = len(orphans) - len(known)
    more = f", and {unknown} of unknown price" if unknown else ""
    lines = [f"{count(len(orphans), 'thing')} without a record: {money(sum(known))} an hour{more}."]
    if any(kind(orphan) == OURS for orphan in orphans):
        lines.append("`styx recover` takes them up as clusters again, `styx recover --down` removes them.")
    if any(kind(orphan) == STRANGER for orphan in orphans):
        lines.append(
            "Nobody can tell whose an unattributed machine is: look before `styx recover --down ID` removes it."
        )
    return lines
