"""``styx catalog``: how old prices are, what a new catalog changes, and fetching one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result

from styx.plugins import index
from support.catalog_plugins import install
from support.catalogs import entry

Styx = Callable[..., Result]

FRESH = 'progress("asking east")\nyield sell("t1", "1.5")\nyield sell("t3", "3")'


@pytest.fixture(autouse=True)
def _catalogs(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two clouds, of which one can be asked again; what else is installed here is switched off."""
    monkeypatch.setenv("STYX_PLUGINS_ALLOW", "acme,bolt,local")
    install(site, [entry("t1", "1"), entry("t2", "2", "west")], body=FRESH, launchable=True)
    install(site, [entry("b1", "1")], "bolt")


def test_status_tells_what_there_is(styx: Styx) -> None:
    """Which package or update counts, of which day, how much is in it, and whether Styx can launch there."""
    result = styx("catalog", "status")
    assert result.exit_code == 0
    head, acme, bolt = (line.split() for line in result.stdout.splitlines())
    assert head == ["CLOUD", "FROM", "AS_OF", "AGE", "ROWS", "TYPES", "REGIONS", "SKIPPED", "SOURCES", "CAN_LAUNCH"]
    assert acme[:4] + acme[5:] == ["acme", "styx-acme", "1.0", "2024-05-30", "2", "2", "2", "0", "2", "yes"]
    assert bolt[-2:] == ["not", "yet"]
    detailed = styx("catalog", "status", "-v", "acme").stdout
    assert "acme: list: prices of Acme Inc., from Acme price list, 2024-05-01, CC0-1.0" in detailed


def test_status_is_data_for_programs(styx: Styx, site: Path) -> None:
    """Rows that are left out are counted and told with their place."""
    path = site / "styx_acme" / "catalog" / "prices.csv"
    path.write_text(path.read_text() + "t1,north,,free,,list,\n")
    acme, bolt = json.loads(styx("catalog", "status", "-o", "json").stdout)
    assert (acme["rows"], acme["skipped"], acme["counts"], acme["refresher"]) == (2, 1, "package", True)
    assert acme["skipped_rows"] == [
        {"file": "prices.csv", "line": 4, "reason": "hourly is 'free', which is not an amount of USD like 32.7726"}
    ]
    assert acme["age_days"] == (datetime.now(UTC).date() - datetime(2024, 5, 30, tzinfo=UTC).date()).days
    assert (bolt["launchable"], bolt["refresher"], bolt["problem"]) == (False, False, None)


def test_status_tells_what_cannot_be_used(styx: Styx, site: Path) -> None:
    """The table goes on, the exit code says that something is wrong, and the line where and what to do."""
    path = site / "styx_bolt" / "catalog" / "types.csv"
    path.write_bytes(b"\xff\n")
    result = styx("catalog", "status")
    assert result.exit_code == 74
    assert "acme" in result.stdout
    assert "bolt   styx-bolt 1.0  cannot be used" in result.stdout
    assert f"bolt: {path}:1: the catalog of bolt cannot be used: it is not UTF-8 text. Install" in result.stdout


def test_update_fetches_what_can_be_fetched(styx: Styx) -> None:
    """It says what goes on and what is another now; from then on the new one counts."""
    result = styx("catalog", "update")
    assert result.exit_code == 0
    assert "acme: asking east" in result.stderr
    assert result.stdout.splitlines() == [
        f"acme: 2 prices of 2 types, as of {datetime.now(UTC).date()}.",
        "  types added: t3",
        "  types removed: t2",
        "  regions removed: west",
        "  places: 1 added, 1 removed",
        "  prices changed: 1 (1 up), typically +50.0%; the largest:",
        "    t1 in east: $1 -> $1.5 (+50.0%)",
    ]
    acme = json.loads(styx("catalog", "status", "-o", "json").stdout)[0]
    assert (acme["counts"], acme["rows"]) == ("updated", 2)


def test_an_update_that_fails_keeps_the_others_from_nothing(styx: Styx, site: Path) -> None:
    """Each has its turn; the exit code is that of the first failure."""
    install(site, [entry("b1", "1")], "bolt", body='raise AuthFailed("the key has expired", hint="Make a new one.")')
    index.read.cache_clear()
    result = styx("catalog", "update", "bolt", "acme", "-o", "json")
    assert result.exit_code == 77
    (done,) = json.loads(result.stdout)
    assert (done["cloud"], done["rows"], done["changes"]["types_removed"]) == ("acme", 2, ["t2"])
    error = json.loads(next(line for line in result.stderr.splitlines() if line.startswith("{")))["error"]
    assert (error["message"], error["details"]["cloud"]) == ("the key has expired", "bolt")
    alone = styx("catalog", "update", "bolt")
    assert (alone.exit_code, "Hint: Make a new one." in alone.stderr) == (77, True)


def test_one_that_nothing_renews_is_told_by_name_alone(styx: Styx) -> None:
    """Without names it is passed over."""
    result = styx("catalog", "update", "bolt")
    assert result.exit_code == 74
    assert "styx-bolt cannot renew the catalog of bolt" in result.stderr


def test_diff_compares_with_what_the_package_brought(styx: Styx) -> None:
    """Nothing to compare with before the first update."""
    assert "Nothing was fetched for acme yet" in styx("catalog", "diff", "acme").stdout
    assert styx("catalog", "diff", "acme", "-o", "json").stdout == "null\n"
    styx("catalog", "update", "acme")
    lines = styx("catalog", "diff", "acme").stdout.splitlines()
    assert lines[0] == f"acme: package of 2024-05-30 -> updated on {datetime.now(UTC).date()}"
    assert "types added: t3" in lines
    assert json.loads(styx("catalog", "diff", "acme", "-o", "json").stdout)["prices"] == [
        {"instance_type": "t1", "region": "east", "zone": "", "spot": False, "old": "1", "new": "1.5"}
    ]


def test_settings_of_a_cloud_that_is_only_in_a_catalog_are_checked(site: Path, styx: Styx) -> None:
    """They are for what renews it, whose model says what they are."""
    install(site, [entry("b1", "1")], "bolt", body=FRESH)
    assert re.search(r"^Settings: +clouds\.bolt$", styx("plugins", "show", "bolt").stdout, re.MULTILINE)
    assert styx("config", "set", "clouds.bolt.profile", "prod").exit_code == 0
    refused = styx("config", "set", "clouds.bolt.profil", "prod")
    assert refused.exit_code == 2
    assert "did you mean 'profile'" in refused.stderr


def test_an_unknown_cloud_is_told_with_a_guess(styx: Styx) -> None:
    """By every command that takes one."""
    for command in ("status", "update", "diff"):
        result = styx("catalog", command, "acne")
        assert result.exit_code == 2
        assert "Did you mean 'acme'?" in result.stderr


def test_the_cloud_of_a_plugin_that_cannot_be_used(styx: Styx) -> None:
    """It is there, and what keeps its catalog from use is told, with what to do."""
    assert styx("plugins", "disable", "acme").exit_code == 0
    for command in (("catalog", "status", "acme"), ("gpus", "list", "A100", "--infra", "acme")):
        result = styx(*command)
        assert result.exit_code == 2
        assert "the catalog of acme cannot be used (disabled): it is switched off" in result.stderr
        assert "Hint: `styx plugins enable acme`" in result.stderr
