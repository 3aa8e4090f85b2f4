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
LAUNCHING = "launching"
SURPLUS = "surplus"
GIVEN_UP = "being removed"


def kind(orphan: Orphan) -> str:
    """One word for how it came about."""
    if orphan.owner is None:
        return LAUNCHING if orphan.cluster else STRANGER
    if orphan.cluster:
        return SURPLUS
    return GIVEN_UP if orphan.given_up else OURS


def _in_words(orphan: Orphan) -> str:
    words = {LAUNCHING: f"possibly being launched by {orphan.cluster}", SURPLUS: f"surplus of {orphan.cluster}"}
    return words.get(kind(orphan), kind(orphan))


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
            _in_words(orphan),
            orphan.infra,
            orphan.account,
            len(orphan.nodes),
            len(orphan.leftovers),
            money(orphan.hourly_cost),
            ago(min((n.created_at for n in orphan.nodes if n.created_at is not None), default=None), now),
        )
        for orphan in orphans
    ]
    return table(("NAME", "KIND", "INFRA", "ACCOUNT", "NODES", "LEFTOVERS", "COST/H", "AGE"), rows)


def _advice(orphans: Sequence[Orphan]) -> list[str]:
    kinds = {kind(orphan) for orphan in orphans}
    unrecorded = [orphan for orphan in orphans if kind(orphan) != SURPLUS]
    lines = [f"{count(len(unrecorded), 'thing')} without a record: {_cost(unrecorded)}."] if unrecorded else []
    if OURS in kinds:
        lines.append("`styx recover` takes them up as clusters again, `styx recover --down` removes them.")
    if STRANGER in kinds:
        lines.append(
            "Nobody can tell whose an unattributed machine is: look before `styx recover --down ID` removes it."
        )
    if LAUNCHING in kinds:
        lines.append("What may be being launched is told apart once that launch is over.")
    if SURPLUS in kinds:
        lines.append(
            "A surplus machine is counted in the cost of its cluster: `styx status -r` gives it back where single "
            "machines can be removed, elsewhere it goes with `styx down`."
        )
    return lines


def _cost(orphans: Sequence[Orphan]) -> str:
    known = [orphan.hourly_cost for orphan in orphans if orphan.hourly_cost is not None]
    unknown = len(orphans) - len(known)
    return f"{money(sum(known))} an hour" + (f", and {unknown} of unknown price" if unknown else "")
