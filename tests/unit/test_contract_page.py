"""The tables of docs/contract.md are so: each row is compared with the code, or played through on a cloud in memory."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from styx import contract
from styx.api import Idempotency, NoOffer, OutcomeUnknown, Owner, ProviderError, RateLimited, Traits, Transient, names
from styx.plugins.kinds import KINDS
from support.world import HELLO, World, quiet

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "contract.md").read_text(encoding="utf-8")


def rows(name: str) -> list[list[str]]:
    """The cells of one table of the page, without its head."""
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", PAGE, re.DOTALL)
    assert found is not None
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in found.group(1).splitlines()[2:]]


ERRORS = {row[0].strip("`"): row[1:] for row in rows("errors")}
LEAVES = {cls.__name__: cls for cls in ProviderError.__subclasses__() if cls.__module__ == "styx.api.errors"}


def launches(world: World) -> int:
    """How often the provider was asked for machines."""
    return [call.method for call in world.account.calls].count("launch")


def test_every_error_is_in_the_table() -> None:
    """All leaves that a provider may raise, each with its exit code, and no other."""
    assert {name: int(row[0]) for name, row in ERRORS.items()} == {n: cls.exit_code for n, cls in LEAVES.items()}


@pytest.mark.parametrize("name", ERRORS)
async def test_what_an_error_leads_to(name: str, tmp_path: Path) -> None:
    """Raised by the first launch, each error leads where the table says, and leaves nothing."""
    error, (_, _, again, then, left) = LEAVES[name](f"{name} it is"), ERRORS[name]
    world = World(tmp_path)
    tries = 5 if again.startswith("up to") else 1
    for _ in range(tries):
        world.account.fail_next("launch", error)
    try:
        await world.engine().launch(HELLO, "c", quiet)
        record = world.record()
        assert record is not None
        ended = record.region
    except ProviderError as raised:
        ended = type(raised).__name__
    except NoOffer:
        ended = "NoOffer"
    expected = {
        "next offer": ("west", tries + 1),
        "ends": (name, 1),
        "leaves the account, tries others": ("NoOffer", 1),
    }
    if again.startswith(("after", "as the next table says")):
        assert (ended, launches(world)) == ("east", 2)
    else:
        assert (ended, launches(world)) == expected[then]
    assert len(world.machines()) == (1 if ended in {"east", "west"} else 0)
    assert left == "nothing" or name == "OutcomeUnknown"
    await world.close()


async def test_too_many_calls_for_too_long_lead_elsewhere(tmp_path: Path) -> None:
    """A provider that asks for more patience than a call has is left for the next offer."""
    world = World(tmp_path)
    world.account.fail_next("launch", RateLimited("slow down", retry_after=1e6))
    await world.engine().launch(HELLO, "c", quiet)
    record = world.record()
    assert record is not None
    assert (record.region, ERRORS["RateLimited"][3]) == ("west", "next offer, if it never ends")
    await world.close()


def test_transient_is_repeated_as_often_as_told() -> None:
    """The number in the table is core's."""
    from styx.engine.account import TRANSIENT_TRIES

    assert ERRORS["Transient"][2] == f"up to {TRANSIENT_TRIES} times"
    assert Transient.retryable


@pytest.mark.parametrize("row", rows("idempotency"), ids=lambda row: row[0].strip("`"))
@pytest.mark.parametrize("made", [True, False], ids=["made", "not-made"])
async def test_what_a_lost_answer_leads_to(row: list[str], made: bool, tmp_path: Path) -> None:
    """One launch whose answer is lost costs as many calls, and ends with as many machines, as the table says."""
    told = re.fullmatch(r"launch called (\d) times?, (\d) machines?", row[2 if made else 3])
    assert told is not None
    world = World(tmp_path, Idempotency(row[0].strip("`")))
    world.account.fail_next("launch", OutcomeUnknown("no answer"), after=made)
    await world.engine().launch(HELLO, "c", quiet)
    assert (launches(world), len(world.machines())) == (int(told[1]), int(told[2]))
    cloud_class, account = world.clouds["memory"]
    listed = [machine for machine in account.machines("east", world.clock) if not machine.name and not machine.tags]
    assert bool(listed) == (row[4] == "may be None")
    assert cloud_class.traits.idempotency.value == row[0].strip("`")
    await world.close()


def test_every_idempotency_is_in_the_table() -> None:
    """All four."""
    assert [row[0].strip("`") for row in rows("idempotency")] == [each.value for each in Idempotency]


def test_every_trait_is_in_the_table() -> None:
    """Each trait in order, with its default."""

    def default(field: dataclasses.Field[object]) -> str:
        if field.default_factory is not dataclasses.MISSING:
            assert not field.default_factory()
            return "none"
        if field.default is dataclasses.MISSING:
            return "(must be given)"
        return f"`{field.default}`" + (" s" if type(field.default) is float else "")

    fields = dataclasses.fields(Traits)
    assert [row[:2] for row in rows("traits")] == [[f"`{field.name}`", default(field)] for field in fields]


def test_every_capability_is_in_the_table() -> None:
    """Each capability under its name in the manifest, with its methods."""
    told = {row[1].strip("`"): (row[0].strip("`"), set(re.findall(r"`(\w+)`", row[2]))) for row in rows("capabilities")}
    for word, target in KINDS["cloud"].capabilities.items():
        name = target.partition(":")[2]
        protocol = getattr(__import__("styx.api", fromlist=[name]), name)
        methods = {each for each, value in vars(protocol).items() if callable(value) and not each.startswith("_")}
        assert told.pop(word) == (name, methods)
    assert told == {}


def test_names_are_as_long_as_told() -> None:
    """Limits of names, their parts and tags."""
    told = {row[0].strip("`"): row[2] for row in rows("names")}
    owner = Owner(names.new_installation_id(), names.slug("x" * 60), names.new_attempt_id())
    assert len(owner.node_name(names.RANK_LIMIT)) == names.NAME_LIMIT
    assert told["name of a node"].startswith(f"{names.NAME_LIMIT} characters")
    parts = {"<installation>": owner.installation, "<cluster>": owner.cluster, "<attempt>": owner.attempt}
    assert {part: told[part] for part in parts} == {part: f"{len(text)} characters" for part, text in parts.items()}
    assert told["<rank>"] == str(names.RANK_LIMIT)
    assert told["tags"] == f"{len(owner.tags(3))} pairs"
    assert set(re.findall(r"`(styx-\w+)`", next(row[1] for row in rows("names") if row[0] == "tags"))) == set(
        owner.tags(3)
    )


def test_the_latest_version_is_told() -> None:
    """The page says what the present version of the cloud contract added."""
    assert f"**cloud {'.'.join(map(str, contract.CONTRACT['cloud']))}** added" in PAGE
