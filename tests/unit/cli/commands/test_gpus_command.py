"""``styx gpus list``: what catalogs have, as people and programs read it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import Result

from styx.api import Accelerator
from support.catalog_plugins import install
from support.catalogs import entry

Styx = Callable[..., Result]

A100 = Accelerator("A100", 8, 40)
BIG = Accelerator("A100-80GB", 1, 80)


@pytest.fixture(autouse=True)
def _catalogs(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two clouds, of which Styx can launch on one; what else is installed here is switched off."""
    monkeypatch.setenv("STYX_PLUGINS_ALLOW", "acme,bolt,local")
    acme = [
        entry("a8", "30", "east", zones=("e1",), accelerator=A100, spot=Decimal("9.5")),
        entry("a8", "30", "east", zones=("e2",), accelerator=A100, spot=Decimal("8.25")),
        entry("a8", "29.5", "west", accelerator=A100),
        entry("cpu", "0.1"),
    ]
    install(site, acme, launchable=True)
    bolt = [
        entry("b8", "28", "north", accelerator=A100, vcpus=96, memory_gib=1152),
        entry("b8", None, "south", accelerator=A100, vcpus=96, memory_gib=1152),
        entry("b1", "3", "north", accelerator=BIG),
    ]
    install(site, bolt, "bolt")


def words(result: Result) -> list[list[str]]:
    """The cells of each line."""
    assert result.exit_code == 0, result.output
    return [line.split() for line in result.stdout.splitlines()]


def test_without_a_name_it_lists_what_there_is(styx: Styx) -> None:
    """One line for each accelerator: in which numbers, where, and from what price on."""
    result = styx("gpus", "list")
    assert words(result) == [
        ["GPU", "DEVICE_MEM", "QTY", "CLOUDS", "HOURLY_PRICE", "HOURLY_SPOT_PRICE"],
        ["A100", "40GB", "8", "acme,", "bolt*", "$28.00", "$8.25"],
        ["A100-80GB", "80GB", "1", "bolt*", "$3.00", "-"],
    ]
    assert "of the cheapest machine with any number of them" in result.stderr


def test_a_name_lists_machines_where_they_cost_least(styx: Styx) -> None:
    """Cheapest first, whatever the case of the name; clouds that nothing launches on are marked."""
    result = styx("gpus", "list", "a100")
    assert words(result) == [
        ["GPU", "QTY", "CLOUD", "INSTANCE_TYPE", "DEVICE_MEM", "vCPUs", "HOST_MEM", "HOURLY_PRICE",
         "HOURLY_SPOT_PRICE", "REGION"],
        ["A100", "8", "bolt*", "b8", "40GB", "96", "1152GB", "$28.00", "-", "north"],
        ["A100", "8", "acme", "a8", "40GB", "4", "16GB", "$29.50", "-", "west"],
    ]  # fmt: skip
    assert "launches on bolt yet: shown, and never chosen" in result.stderr
    assert "acme" not in result.stderr
    assert "See also A100-80GB." in result.stderr


def test_all_regions_are_listed_when_asked_for(styx: Styx) -> None:
    """Zones of one region are a line; unknown prices come last."""
    rows = words(styx("gpus", "list", "A100:8", "--all-regions"))
    assert [(row[3], row[-1], row[-3], row[-2]) for row in rows[1:]] == [
        ("b8", "north", "$28.00", "-"), ("a8", "west", "$29.50", "-"), ("a8", "east", "$30.00", "$8.25"),
        ("b8", "south", "-", "-"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("infra", "regions"),
    [("acme", ["west"]), ("acme/east", ["east"]), ("*/*/e2", ["east"]), ("bolt/south", ["south"]), ("*/nowhere", [])],
)
def test_a_place_narrows_it(styx: Styx, infra: str, regions: list[str]) -> None:
    """A cloud, a region or a zone, as in a task."""
    result = styx("gpus", "list", "A100", "--infra", infra, "-o", "json")
    assert [each["region"] for each in json.loads(result.stdout)] == regions
    assert result.exit_code == 0


def test_programs_get_everything(styx: Styx) -> None:
    """Prices as strings, to the last digit, with where they come from and of which day they are."""
    result = styx("gpus", "list", "A100:8", "--infra", "acme/east", "-o", "json")
    assert json.loads(result.stdout) == [
        {
            "gpu": "A100", "quantity": 8, "cloud": "acme", "launchable": True, "instance_type": "a8",
            "device_memory_gib": 40, "vcpus": 4, "memory_gib": 16, "region": "east", "hourly_price": "30",
            "hourly_spot_price": "8.25", "source": "list", "as_of": "2024-05-01",
        }
    ]  # fmt: skip
    assert json.loads(styx("gpus", "list", "-o", "json").stdout)[1] == {
        "gpu": "A100-80GB", "device_memory_gib": 80, "quantities": [1], "clouds": ["bolt"], "hourly_price": "3",
        "hourly_spot_price": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["A10"], "no catalog has an accelerator 'A10'\nHint: Did you mean A100 or A100-80GB?"),
        (["A1OO"], "no catalog has an accelerator 'A1OO'\nHint: Did you mean A100?"),
        (["zzz"], "Hint: `styx gpus list` shows what there is."),
        (["A100:many"], "'many' is no number of accelerators"),
        (["A100:nan"], "'nan' is no number of accelerators"),
        (["A100:-1"], "'-1' is no number of accelerators"),
        ([""], "names no accelerator"),
        ([":8"], "names no accelerator"),
        (["A100", "--infra", "acne"], "there is no catalog of cloud 'acne'\nHint: Did you mean 'acme'?"),
        (["A100", "--infra", "a/b/c/d"], "more parts than cloud/region/zone"),
    ],
)
def test_what_is_not_there_is_told(styx: Styx, arguments: list[str], said: str) -> None:
    """With the nearest name that is."""
    result = styx("gpus", "list", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_number_that_nobody_sells_is_no_mistake(styx: Styx) -> None:
    """The model is known, so there is nothing to correct."""
    assert words(styx("gpus", "list", "A100:3", "--infra", "acme")) == [["Nobody", "sells", "A100:3", "in", "acme."]]


def test_a_catalog_that_cannot_be_read_silences_itself_alone(styx: Styx, site: Path) -> None:
    """The others answer; whoever names its cloud gets the error, with file and line."""
    path = site / "styx_bolt" / "catalog" / "prices.csv"
    path.write_text("nonsense\n")
    result = styx("gpus", "list", "A100")
    assert [row[2] for row in words(result)[1:]] == ["acme"]
    assert "bolt is left out: the catalog of bolt cannot be used: its first line is 'nonsense'" in result.stderr
    named = styx("gpus", "list", "A100", "--infra", "bolt")
    assert named.exit_code == 74
    assert f"{path}:1: the catalog of bolt cannot be used" in named.stderr
    assert "Install styx-bolt again" in named.stderr


def test_no_catalog_is_no_error(styx: Styx, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without any says where they would come from."""
    monkeypatch.setenv("STYX_PLUGINS_ALLOW", "local")
    assert styx("gpus", "list", "A100").stdout == "No catalog is installed: the packages of clouds bring them.\n"
    assert styx("gpus", "list", "-o", "json").stdout == "[]\n"


HEAVY = {"alembic", "asyncio", "asyncssh", "pluggy", "pydantic", "rich", "sqlalchemy", "yaml", "styx.api"}


def test_nothing_heavy_is_imported() -> None:
    """Once compiled, the answer costs sqlite3 and little else."""
    code = f"import sys; sys.path = {sys.path!r}\nfrom styx.cli.main import main\nmain(['gpus', 'list', 'A100'])"
    for last in ("", "\nprint(*sys.modules)"):
        seen = subprocess.run([sys.executable, "-c", code + last], check=True, capture_output=True, text=True).stdout
    assert "A100" in seen
    assert not HEAVY & set(seen.split())
