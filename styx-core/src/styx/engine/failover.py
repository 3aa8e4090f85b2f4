"""From the choices to the first that gives its machines, around what was refused: to this launch and to others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TypeVar

from styx.api.errors import (
    InvalidRequest,
    NoOffer,
    PluginError,
    ProviderError,
    StoreError,
    StyxError,
    WrongAccount,
)
from styx.engine.context import Context, Progress
from styx.engine.plan import Plan
from styx.optimizer.blocks import Block, block_for, blocking, next_change
from styx.optimizer.rank import Choice
from styx.spec.model import Infra
from styx.store.records import BlockRecord
from styx.words import sentences

FIRST_PAUSE = 30.0  # seconds before all is tried again, the first time
LONGEST_PAUSE = 300.0
BACKOFF = 1.5
_NAMED = 3  # places that were refused alike, in one line

Given = TypeVar("Given")

_ELSEWHERE_IS_NO_BETTER = (InvalidRequest, WrongAccount)


class Blocklist:
    """What was refused: to this launch, and what other launches had noted in the store when that was last read.

    It is read between two calls of a provider, and not for each of the choices that are passed over: they may be many.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._own: list[Block] = []
        self.read()

    def read(self) -> None:
        """See what others were refused meanwhile, and what has ended."""
        self.now, self._others = self._context.store.now(), standing(self._context)

    def note(self, error: StyxError, choice: Choice) -> Block:
        """Take note of a refusal, for all launches where it says something to them."""
        self.read()
        block = block_for(error, choice, self.now)
        self._own.append(block)
        if block.shared and block.until is not None:
            fields = {key: each for key, each in asdict(block).items() if key not in {"shared", "wish"}}
            with suppress(StoreError):  # then the others find out by themselves
                self._context.store.blocks.add(BlockRecord(**fields))
        return block

    def own(self, choice: Choice) -> Block | None:
        """What this launch was refused and keeps it from asking for this choice."""
        return blocking(choice, self._own, self.now)

    def any(self, choice: Choice) -> Block | None:
        """What keeps it from asking, whoever was refused."""
        return blocking(choice, [*self._own, *self._others], self.now)

    def pause(self, choices: tuple[Choice, ...], least: float) -> float | None:
        """Seconds until asking again may help, at least so many; None when it never will."""
        when = next_change(choices, [*self._own, *self._others], self.now)
        return None if when is None else max(least, (when - self.now).total_seconds())


def standing(context: Context) -> list[Block]:
    """What other launches were refused and is not asked for yet."""
    return [Block(**asdict(record)) for record in context.store.blocks.standing()]


async def first_to_give(
    context: Context,
    found: Plan,
    ask: Callable[[Choice], Awaitable[Given]],
    refuse: Callable[[Choice], str | None],
    replan: Callable[[], Awaitable[Plan]] | None,
    tidy: Callable[[], Awaitable[None]],
    progress: Progress,
) -> tuple[Choice, Given]:
    """The first choice that gives what is asked of it, and that.

    ``refuse`` says why a choice is not to be asked for at all; ``tidy`` is called when none has given anything. With
    ``replan`` it goes on until one gives, planning anew each time; else raises NoOffer with the whole story. Raises at
    once what no other place would help with.
    """
    blocklist, pause = Blocklist(context), FIRST_PAUSE
    last_resort = True
    told: set[str] = set()  # what was refused in the same words is told once
    _tell_what_is_passed_over(found.choices, blocklist, progress)
    while True:
        story: dict[str, str] = {}
        hints: list[str | None] = []
        for choice in _in_turn(found.choices, blocklist, story, last_resort=last_resort):
            reason = refuse(choice)
            if reason is not None:
                story[where(choice)] = reason
                continue
            try:
                return choice, await ask(choice)
            except _ELSEWHERE_IS_NO_BETTER:
                raise
            except NoOffer as error:  # it is more than the budget allows, now that others have launched meanwhile
                story[where(choice)] = error.message
                blocklist.read()
            except (ProviderError, PluginError) as error:
                story[where(choice)] = error.message
                hints.append(error.hint)
                block = blocklist.note(error, choice)
                if block.reason not in told:
                    told.add(block.reason)
                    _tell(block, choice, blocklist.now, progress)
        await tidy()
        wait = blocklist.pause(found.choices, pause)
        if wait is None or replan is None:
            raise _nowhere(story, hints, patience_helps=wait is not None)
        *_, why = "all were refused a moment ago", *(f"{place}: {reason}" for place, reason in story.items())
        progress("wait", f"nothing free ({why}); trying again in {wait:.0f} s")
        await context.clock.sleep(wait)
        pause, last_resort = min(pause * BACKOFF, LONGEST_PAUSE), False
        with suppress(NoOffer):  # nothing fits right now: those that did may again
            found = await replan()
        blocklist.read()


def _in_turn(
    choices: tuple[Choice, ...], blocklist: Blocklist, story: dict[str, str], *, last_resort: bool
) -> Iterator[Choice]:
    """The choices that may be asked for when their turn comes; at the end, where it helps, what others were refused."""
    waiting: list[Choice] = []
    for choice in choices:
        block = blocklist.any(choice)
        if block is None:
            yield choice
        elif blocklist.own(choice) is None:
            waiting.append(choice)
    for choice in waiting:
        block = blocklist.any(choice)
        if blocklist.own(choice) is not None:  # as the story has it already
            continue
        if last_resort:
            yield choice
        elif block is not None:
            story.setdefault(where(choice), f"refused a moment ago: {block.reason}")


def where(choice: Choice) -> str:
    """One thing that can be asked for, as progress and errors name it: the place as ``--infra`` takes it."""
    offer = choice.offer
    spot = " (spot)" if choice.alternative.use_spot else ""
    account = choice.source.removeprefix(offer.cloud)
    return f"{offer.instance_type}{spot} on {Infra(offer.cloud, offer.region or None, offer.zone)}{account}"


def _tell(block: Block, choice: Choice, now: datetime, progress: Progress) -> None:
    """The line of the story for this refusal, and what is passed over because of it."""
    place = block.zone or block.region or block.account
    what = f"{block.instance_type} in {place}" if block.instance_type else block.cloud
    until = "in this launch" if block.until is None else f"for {_span(block.until - now)}"
    progress("provision", f"{where(choice)}: {block.reason.rstrip('.')}; {what} is not asked for again {until}")


def _tell_what_is_passed_over(choices: tuple[Choice, ...], blocklist: Blocklist, progress: Progress) -> None:
    """One line for each reason for which others were refused what would come first."""
    told: set[str] = set()
    for choice in choices:
        block = blocklist.any(choice)
        if block is None:
            return
        if block.reason not in told:
            told.add(block.reason)
            progress("provision", f"{where(choice)}: refused a moment ago, and asked for last: {block.reason}")


def _span(time: timedelta) -> str:
    seconds = round(time.total_seconds())
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _nowhere(story: dict[str, str], hints: Sequence[str | None], *, patience_helps: bool) -> NoOffer:
    """The error with every place's reason and all advice; places with the same reason share a line."""
    places: dict[str, list[str]] = {}
    for place, why in story.items():
        places.setdefault(why, []).append(place)
    lines = "".join(f"\n  {_few(each)}: {why}" for why, each in places.items())
    advice = dict.fromkeys(filter(None, hints)) or ["`styx check` shows which clouds can be used."]
    patience = "-r/--retry-until-up keeps trying." if patience_helps else None
    return NoOffer(
        f"no place would give the machines:{lines}",
        hint=sentences(*advice, patience),
        reasons=story,
    )


def _few(places: Sequence[str]) -> str:
    more = len(places) - _NAMED
    return ", ".join(places[:_NAMED]) + (f" and {more} more" if more > 0 else "")
