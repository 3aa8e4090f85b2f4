"""Why a task would run where it would, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from styx.cli.progress import progress
from styx.cli.render import clean, json_text, moment, money, table
from styx.cli.views import infra, usd
from styx.words import count, devices, sentences

if TYPE_CHECKING:
    from decimal import Decimal

    from styx.api.offers import Offer
    from styx.client.protocol import Client, LaunchOptions
    from styx.engine.explain import Explanation, Refused, RuledOut
    from styx.optimizer.rank import Choice
    from styx.spec import Task

Shape = dict[str, Any]

NOTHING_FITS = 75  # the exit code of NoOffer, which a launch ends with then
_MANY = 10  # times as much: from there on nobody reads percents
RUNNERS_UP = 6  # that are shown, of each type of machine the cheapest


def show(client: Client, task: Task, wanted: LaunchOptions, output: str, *, everything: bool = False) -> int:
    """Print the explanation; the exit code."""
    with progress() as report:
        found = client.explain(task, wanted, report)
    click.echo(json_text(shape(found)) if output == "json" else text(found, everything=everything))
    return 0 if found.choices else NOTHING_FITS


def shape(found: Explanation) -> Shape:
    """The JSON of an explanation."""
    return {
        "name": found.task.name,
        "num_nodes": found.task.num_nodes,
        "chosen": choice(found.choices[0]) if found.choices else None,
        "runners_up": [choice(each) for each in found.choices[1:]],
        "refused": [
            {**choice(each.choice), "reason": each.reason, "until": each.until and moment(each.until)}
            for each in found.refused
        ],
        "ruled_out": [_ruled_out(each) for each in found.ruled_out],
        "not_yet": [_ruled_out(each) for each in found.not_yet],
        "mistake": found.mistake,
    }


def choice(found: Choice) -> Shape:
    """The JSON of one choice."""
    spot = found.alternative.use_spot
    return {**_offer(found.offer), "account": found.account, "spot": spot, "hourly_cost": usd(found.hourly_cost)}


def _offer(offer: Offer) -> Shape:
    return {
        "infra": infra(offer),
        "instance_type": offer.instance_type,
        "vcpus": offer.vcpus,
        "memory_gib": offer.memory_gib,
        "accelerators": devices(offer.accelerators),
    }


def _ruled_out(each: RuledOut) -> Shape:
    near = each.nearest
    return {
        "cloud": each.source,
        "why": each.why or None,
        "nearest": None if near is None else {**_offer(near), "hourly_cost": usd(each.hourly_cost)},
    }


def text(found: Explanation, *, everything: bool = False) -> str:
    """The explanation for people: what is chosen, and then a table of each kind of thing that is not."""
    return "\n\n".join(_parts(found, everything=everything))


def _parts(found: Explanation, *, everything: bool) -> Iterator[str]:
    yield _verdict(found)
    nodes = found.task.num_nodes
    cost = f"COST/H, {nodes} NODES" if nodes > 1 else "COST/H"
    others = found.choices[1:] if everything else _distinct(found.choices)
    if others:
        rows = [_row(each, found.choices[0]) for each in others]
        yield table(("RUNNER-UP", "INSTANCE", "VCPUS", "MEMORY", "ACCELERATORS", cost, "COMPARED"), rows)
    if found.refused:
        yield table(
            ("REFUSED OF LATE", "INSTANCE", "WHY", "ASKED AGAIN"), [_refused_row(each) for each in found.refused]
        )
    for label, why, near, rows in (
        ("RULED OUT", "WHY", "NEAREST", [_nearest_row(each, each.why) for each in found.ruled_out]),
        ("NO PLUGIN YET", "FITS", "BEST OFFER", [_nearest_row(each, _fits(each)) for each in found.not_yet]),
    ):
        if rows:
            yield table((label, why, near, "ACCELERATORS", cost), rows)


def _verdict(found: Explanation) -> str:
    name = f"{clean(found.task.name)}: " if found.task.name else ""
    if not found.choices:
        from styx.engine.misfit import ANY

        return sentences(f"{name}{'n' if name else 'N'}othing that can be launched fits", found.mistake or ANY)
    first = found.choices[0]
    nodes = f"{count(found.task.num_nodes, 'node')} of " if found.task.num_nodes > 1 else ""
    what = f"{nodes}{clean(_machine(first))} on {where(first)}"
    return f"{name}{what}, {_price(first.hourly_cost)}: {_why_first(found)}."


def _why_first(found: Explanation) -> str:
    asked = len(found.choices) + found.more - len(found.refused)
    if not asked:
        return "all that fits was refused of late, and this is asked for first"
    if asked == 1:
        return "all that fits and was not refused of late" if found.refused else "all that fits"
    order = "the first of those you prefer, and " if found.task.resources.ordered else ""
    late = " and were not refused of late" if found.refused else ""
    return f"{order}the cheapest of {asked} offers that fit{late}"


def _distinct(choices: Sequence[Choice]) -> list[Choice]:
    """Of each type of machine and cloud the cheapest, without that of the chosen one."""
    best: dict[tuple[object, ...], Choice] = {}
    for each in choices:
        best.setdefault((each.source, each.offer.instance_type, each.alternative.use_spot), each)
    return [*best.values()][1 : RUNNERS_UP + 1]


def _row(each: Choice, first: Choice) -> tuple[object, ...]:
    offer = each.offer
    return (
        infra(offer),
        _machine(each),
        f"{offer.vcpus:g}",
        f"{offer.memory_gib:g} GiB",
        devices(offer.accelerators),
        money(each.hourly_cost),
        _compared(each.hourly_cost, first.hourly_cost),
    )


def _machine(each: Choice) -> str:
    return f"{each.offer.instance_type}{' (spot)' if each.alternative.use_spot else ''}"


def where(each: Choice) -> str:
    """The place for a sentence, with the account where the cloud has several."""
    account = f" as {each.account}" if each.source != each.offer.cloud else ""
    return clean(f"{infra(each.offer)}{account}")


def _compared(cost: Decimal | None, first: Decimal | None) -> str:
    if cost is None or not first:
        return ""
    return f"{(cost - first) / first:+.0%}" if cost < _MANY * first else f"{cost / first:.0f} times"


def _refused_row(each: Refused) -> tuple[object, ...]:
    until = "in the next launch" if each.until is None else moment(each.until)
    return infra(each.choice.offer), each.choice.offer.instance_type, each.reason, until


def _fits(each: RuledOut) -> str:
    return f"no: {each.why}" if each.why else "yes"


def _nearest_row(each: RuledOut, said: str) -> tuple[object, ...]:
    near = each.nearest
    if near is None:
        return each.source, said, "", "", ""
    place = near.zone or near.region
    what = f"{near.instance_type} in {place}" if place else near.instance_type
    return each.source, said, what, devices(near.accelerators), money(each.hourly_cost)


def _price(cost: Decimal | None) -> str:
    return "at an unknown price" if cost is None else "for free" if cost == 0 else f"{money(cost)} an hour"
