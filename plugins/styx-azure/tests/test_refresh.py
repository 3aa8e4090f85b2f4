"""The refresher over real HTTP: Azure's own client, and a server that answers in pages and makes trouble."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from styx.api import (
    AuthFailed,
    CatalogEntry,
    InvalidConfig,
    InvalidRequest,
    PermissionDenied,
    ProviderError,
    RateLimited,
    Services,
    Transient,
)
from styx.catalog.sources import PACKAGE, shelves
from styx.catalog.update import update
from styx_azure import ask
from styx_azure.config import Settings
from styx_azure.refresh import AzureRefresher

if TYPE_CHECKING:
    from conftest import Azure

NOW = datetime(2026, 11, 30, 8, 30, tzinfo=UTC)


class Frozen:
    """A clock that stands."""

    def now(self) -> datetime:
        """Always the same."""
        return NOW

    def monotonic(self) -> float:
        """Always the same."""
        return 0.0

    async def sleep(self, seconds: float) -> None:
        """Not asked for."""
        raise AssertionError(seconds)


def refusal(status: int, code: str, **headers: str) -> tuple[int, dict[str, str], str]:
    """An error as the APIs write it."""
    content = json.dumps({"error": {"code": code, "message": "No."}})
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, content


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were waited for, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr(ask, "time", SimpleNamespace(sleep=waited.append))
    return waited


def refresher(azure: Azure, **more: Any) -> AzureRefresher:
    """One that asks the server."""
    given = {"endpoint": azure.url, "prices_url": azure.url, "subscription": azure.subscription} | more
    settings = Settings.model_validate(given)
    return AzureRefresher(Services("abc123", "", settings, Path("/nonexistent"), Frozen(), logging.getLogger("test")))


def entries(azure: Azure, **more: Any) -> dict[tuple[str, str], CatalogEntry]:
    """What a refresh finds, by size and region."""
    return {(each.instance_type, each.region): each for each in refresher(azure, **more).entries(lambda _: None)}


def test_everything_that_may_be_had_is_found_page_by_page(azure: Azure) -> None:
    """In every region; what the subscription is kept from is not, in a region or in each of its zones."""
    assert set(entries(azure)) == {
        ("Standard_D8s_v5", "eastus"), ("Standard_D8s_v5", "westus3"), ("Standard_D8ps_v5", "eastus"),
        ("Standard_E4-2s_v5", "eastus"), ("Standard_NC24ads_A100_v4", "eastus"),
        ("Standard_ND96isr_H200_v5", "eastus"), ("Standard_NV12ads_A10_v5", "eastus"), ("Standard_DC8as_v5", "westus3"),
    }  # fmt: skip
    assert azure.kinds() == ["skus", "skus", "prices", "prices", "prices"]


def test_sizes_are_what_azure_says(azure: Azure) -> None:
    """Processors, memory, temporary disks and devices, named and counted as task files do."""
    found = entries(azure)
    h200, a10 = found["Standard_ND96isr_H200_v5", "eastus"], found["Standard_NV12ads_A10_v5", "eastus"]
    assert h200.accelerator is not None
    assert (h200.accelerator.name, h200.accelerator.count, h200.accelerator.memory_gib) == ("H200", 8, 141)
    assert (h200.vcpus, h200.memory_gib, h200.disk_gib) == (96, 1850, 1000)
    assert a10.accelerator is not None
    assert a10.accelerator.count == 0.333
    assert found["Standard_D8ps_v5", "eastus"].arch == "arm64"
    assert found["Standard_E4-2s_v5", "eastus"].vcpus == 2
    assert found["Standard_D8s_v5", "eastus"].disk_gib == 0
    assert found["Standard_D8s_v5", "westus3"].disk_gib is None


def test_zones_are_named_by_region_and_number(azure: Azure) -> None:
    """Without those that are closed to the subscription; a region may have none."""
    found = entries(azure)
    assert found["Standard_D8s_v5", "eastus"].zones == ("eastus-1", "eastus-2", "eastus-3")
    assert found["Standard_NC24ads_A100_v4", "eastus"].zones == ("eastus-1",)
    assert found["Standard_D8s_v5", "westus3"].zones == ()


def test_prices_are_of_linux_by_the_hour(azure: Azure) -> None:
    """Not with Windows, of Cloud Services, of low priority or of reservations; what has no price has none."""
    found = entries(azure)
    d8s, a100 = found["Standard_D8s_v5", "eastus"], found["Standard_NC24ads_A100_v4", "eastus"]
    assert (d8s.hourly, d8s.spot) == (Decimal("0.384"), Decimal("0.0422"))
    assert (a100.hourly, a100.spot) == (Decimal("3.673"), Decimal("0.67877"))
    assert found["Standard_D8s_v5", "westus3"].spot is None
    for name in ("Standard_ND96isr_H200_v5", "Standard_E4-2s_v5", "Standard_D8ps_v5"):
        assert found[name, "eastus"].hourly is None


def test_regions_can_be_chosen(azure: Azure) -> None:
    """Nobody waits for prices that nobody wants."""
    assert {region for _, region in entries(azure, regions=["WestUS3"])} == {"westus3"}
    assert azure.kinds() == ["skus", "skus", "prices"]


def test_every_entry_names_a_source(azure: Azure) -> None:
    """The sources are Azure's APIs, of the day of the refresh."""
    asked = refresher(azure)
    named = {name for entry in asked.entries(lambda _: None) for name in (entry.source, entry.type_source)}
    assert named == set(asked.sources())
    assert {source.as_of for source in asked.sources().values()} == {NOW.date()}


def test_a_size_of_which_too_little_is_said_is_left_out(azure: Azure) -> None:
    """The others are found, and it is said."""
    told: list[str] = []
    assert list(refresher(azure).entries(told.append))
    assert "leaving out sizes of which too little is said: Standard_Odd_v9 ('vCPUs')" in told


def test_a_page_that_is_refused_is_asked_for_again(azure: Azure, pauses: list[float]) -> None:
    """Nothing is missing after too many requests, a server's error or half an answer; the client repeats nothing."""
    whole = entries(azure)
    azure.asked.clear()
    azure.broken = {
        "skus": [refusal(503, "ServiceUnavailable"), (200, {}, '{"value": ['), (200, {"Content-Length": "900"}, "{")],
        "prices": [refusal(429, "TooManyRequests", Retry_After="7"), (200, {}, '{"Items": ['), (200, {}, "{}")],
    }
    assert entries(azure) == whole
    assert pauses == [1.0, 2.0, 4.0, 7.0, 2.0, 4.0]
    assert azure.kinds().count("skus") == 5


def test_a_second_page_that_is_refused_is_no_first_one(azure: Azure) -> None:
    """It is asked for from where the first ended."""
    answer, refused = azure.answer, [refusal(500, "InternalServerError")]

    def once(path: str, asked: dict[str, str]) -> tuple[int, dict[str, str], str]:
        return refused.pop() if "$skiptoken" in asked and refused else answer(path, asked)

    azure.answer = once  # type: ignore[method-assign]
    found = list(refresher(azure).entries(lambda _: None))
    assert len(found) == len({(each.instance_type, each.region) for each in found}) == 8


def test_an_update_takes_the_place_of_what_was_shipped(
    azure: Azure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a whole, with a row for all zones, and nothing that was found is left out."""
    monkeypatch.setenv("STYX_HOME", str(tmp_path))
    (shelf,) = [shelf for shelf in shelves() if shelf.cloud == "azure"]
    new = update(shelf, refresher(azure).services, lambda _: None, force=True).new
    assert not new.skipped
    (row,) = [row for row in new.prices if row[:2] == ("Standard_D8s_v5", "eastus")]
    assert row.zones == ("eastus-1", "eastus-2", "eastus-3")


def test_what_there_was_stays_where_an_update_ends_half_way(
    azure: Azure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prices that cannot be had after the first region have cost nothing but time."""
    monkeypatch.setenv("STYX_HOME", str(tmp_path))
    (shelf,) = [shelf for shelf in shelves() if shelf.cloud == "azure"]

    def fail(told: str) -> None:
        if "2 of 2" in told:
            azure.broken["prices"] = [refusal(500, "InternalServerError")] * 9

    with pytest.raises(Transient):
        update(shelf, refresher(azure).services, fail, force=True)
    assert shelf.chosen() == (shelf.folder, PACKAGE)


@pytest.mark.parametrize(
    ("kind", "broken", "error"),
    [
        ("skus", refusal(401, "InvalidAuthenticationToken"), AuthFailed),
        ("skus", refusal(403, "AuthorizationFailed"), PermissionDenied),
        ("skus", refusal(404, "SubscriptionNotFound"), InvalidRequest),
        ("skus", refusal(429, "TooManyRequests", Retry_After="3"), RateLimited),
        ("skus", refusal(500, "InternalServerError"), Transient),
        ("skus", (502, {"Content-Type": "text/html"}, "<html>Bad gateway</html>"), Transient),
        ("skus", (200, {}, '{"value": ['), Transient),
        ("prices", refusal(403, "Forbidden"), PermissionDenied),
        ("prices", refusal(429, "TooManyRequests"), RateLimited),
        ("prices", refusal(503, "ServiceUnavailable"), Transient),
        ("prices", (200, {}, '{"Items": null}'), Transient),
    ],
)
def test_what_goes_on_failing_is_the_contracts_error(
    azure: Azure, kind: str, broken: tuple[int, dict[str, str], str], error: type[ProviderError]
) -> None:
    """Told with Azure's words, and not before patience is at an end where patience may help."""
    azure.broken[kind] = [broken] * 9
    with pytest.raises(error) as caught:
        entries(azure)
    assert type(caught.value) is error
    again = error in {RateLimited, Transient}
    assert azure.kinds().count(kind) == (1 + len(ask.WAITS) if again else 1)


def test_an_answer_without_sizes_is_no_catalog(azure: Azure) -> None:
    """It is asked for again another day."""
    azure.broken["skus"] = [(200, {}, '{"value": []}')]
    with pytest.raises(Transient, match="names no size"):
        entries(azure)


def test_the_action_that_is_missing_is_named(azure: Azure) -> None:
    """With what may help."""
    azure.broken["skus"] = [refusal(403, "AuthorizationFailed")]
    with pytest.raises(PermissionDenied, match=r"Microsoft\.Compute/skus/read was answered with 403: No\.") as caught:
        entries(azure)
    assert caught.value.action == "Microsoft.Compute/skus/read"
    assert "Reader" in str(caught.value.hint)


def test_without_a_subscription_nothing_is_asked(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said where one can be named; the environment will do."""
    with pytest.raises(InvalidConfig, match="no subscription") as caught:
        entries(azure, subscription="")
    assert "clouds.azure.subscription" in str(caught.value.hint)
    assert azure.asked == []
    monkeypatch.setenv("AZURE_SUBSCRIPTION_ID", azure.subscription)
    assert entries(azure, subscription="")


def test_without_credentials_nothing_is_asked(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said how to get some."""
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")
    with pytest.raises(AuthFailed, match="needs credentials") as caught:
        entries(azure, endpoint="")
    assert "az login" in str(caught.value.hint)
    assert azure.asked == []


def test_a_setting_that_is_wrong_is_named(tmp_path: Path) -> None:
    """Also where no cloud is installed that would have checked it."""
    with pytest.raises(InvalidConfig, match=r"clouds\.azure\.regions"):
        AzureRefresher(Services("", "default", {"regions": "eastus"}, tmp_path, Frozen(), logging.getLogger("test")))


def test_a_server_that_is_down_is_transient(azure: Azure) -> None:
    """Nothing was sent."""
    with pytest.raises(Transient, match=r"Microsoft\.Compute/skus/read has no answer"):
        entries(azure, endpoint="http://127.0.0.1:1")
