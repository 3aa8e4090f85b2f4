"""The refresher over real HTTP: Google's own client, and a server that answers in pages and makes trouble."""

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
from styx_gcp import ask
from styx_gcp.config import Settings
from styx_gcp.refresh import GcpRefresher

if TYPE_CHECKING:
    from conftest import Google

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


def refusal(status: int, reason: str, **headers: str) -> tuple[int, dict[str, str], str]:
    """An error as the APIs write it."""
    errors = [{"message": "No.", "domain": "global", "reason": reason}]
    error = {"code": status, "message": "No.", "errors": errors, "status": reason}
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps({"error": error})


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were waited for, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr(ask, "time", SimpleNamespace(sleep=waited.append))
    return waited


def refresher(google: Google, **more: Any) -> GcpRefresher:
    """One that asks the server."""
    given = {"endpoint": google.url, "billing_url": google.url, "project": google.project, "api_key": google.key} | more
    settings = Settings.model_validate(given)
    return GcpRefresher(Services("abc123", "", settings, Path("/nonexistent"), Frozen(), logging.getLogger("test")))


def entries(google: Google, **more: Any) -> dict[tuple[str, str], CatalogEntry]:
    """What a refresh finds, by type and zone."""
    found = list(refresher(google, **more).entries(lambda _: None))
    assert all(len(entry.zones) == 1 for entry in found)
    return {(entry.instance_type, entry.zones[0]): entry for entry in found}


def test_everything_that_is_sold_is_found_page_by_page(google: Google) -> None:
    """In every zone; what is withdrawn is not, nor what has TPUs."""
    found = entries(google)
    assert {name for name, _ in found if "+" not in name} == {
        "n1-standard-8", "n1-standard-96", "e2-micro", "f1-micro", "g2-standard-8", "t2a-standard-4", "a3-megagpu-8g",
        "a4-highgpu-8g", "z3-highmem-88",
    }  # fmt: skip
    assert {zone for name, zone in found if name == "n1-standard-8"} == {
        "us-central1-a", "us-central1-b", "europe-west4-a",
    }  # fmt: skip
    assert google.kinds() == ["skus", "skus", "acceleratorTypes", "acceleratorTypes", "machineTypes", "machineTypes"]


def test_types_are_what_compute_engine_says(google: Google) -> None:
    """Processors, memory, local disks and devices, named and counted as task files do."""
    found = entries(google)
    mega, micro = found["a3-megagpu-8g", "us-central1-b"], found["e2-micro", "us-central1-a"]
    assert mega.accelerator is not None
    assert (mega.accelerator.name, mega.accelerator.count, mega.accelerator.memory_gib) == ("H100-MEGA", 8, 80)
    assert (mega.vcpus, mega.memory_gib, mega.disk_gib) == (208, 1872, 6000)
    assert (micro.vcpus, micro.memory_gib, micro.disk_gib, micro.capabilities) == (2, 1, 0, {"shared-core"})
    assert found["t2a-standard-4", "us-central1-b"].arch == "arm64"
    assert found["z3-highmem-88", "us-central1-b"].disk_gib is None


def test_n1_is_found_with_the_gpus_that_its_zone_has(google: Google) -> None:
    """As many as there may be, and none that is withdrawn or comes with a licence."""
    both = {(name, zone) for name, zone in entries(google) if "+" in name}
    assert both == {
        ("n1-standard-8+t4-1", "us-central1-a"), ("n1-standard-8+t4-2", "us-central1-a"),
        ("n1-standard-8+t4-4", "us-central1-a"), ("n1-standard-96+t4-4", "us-central1-a"),
        ("n1-standard-8+v100-1", "us-central1-b"), ("n1-standard-8+v100-2", "us-central1-b"),
    }  # fmt: skip


def test_prices_are_added_up_of_all_parts(google: Google) -> None:
    """vCPUs, memory, GPUs and local disks; what has no price has none."""
    found = entries(google)
    n1, t4 = found["n1-standard-8", "us-central1-a"], found["n1-standard-8+t4-2", "us-central1-a"]
    assert (n1.hourly, n1.spot) == (Decimal("0.379998"), Decimal("0.1276"))
    assert (t4.hourly, t4.spot) == (Decimal("1.079998"), Decimal("0.5106"))
    assert found["n1-standard-8+v100-1", "us-central1-b"].hourly is None
    assert found["n1-standard-8", "europe-west4-a"].hourly is None
    micro, flat = found["e2-micro", "us-central1-a"], found["f1-micro", "us-central1-a"]
    assert (micro.hourly, flat.hourly) == (Decimal("0.0083764275"), Decimal("0.0076"))
    mega = found["a3-megagpu-8g", "us-central1-b"].hourly
    assert mega == 208 * Decimal("0.029") + 1872 * Decimal("0.002") + 80 + 6000 * Decimal("0.0001")
    b200 = found["a4-highgpu-8g", "us-central1-b"]
    assert (b200.hourly, b200.spot) == (8 * Decimal("16.11"), 8 * Decimal("4.9"))
    assert found["z3-highmem-88", "us-central1-b"].hourly is None


def test_every_entry_names_a_source(google: Google) -> None:
    """The sources are Google's APIs, of the day of the refresh."""
    asked = refresher(google)
    named = {name for entry in asked.entries(lambda _: None) for name in (entry.source, entry.type_source)}
    assert named == set(asked.sources())
    assert {source.as_of for source in asked.sources().values()} == {NOW.date()}


def test_the_key_is_for_prices_alone(google: Google) -> None:
    """Compute Engine takes none."""
    entries(google)
    assert {kind: key for kind, _, key in google.asked} == {
        "skus": google.key,
        "acceleratorTypes": "",
        "machineTypes": "",
    }


def test_a_page_that_is_refused_is_asked_for_again(google: Google, pauses: list[float]) -> None:
    """Nothing is missing after too many requests, a server's error or half an answer; the client repeats nothing."""
    whole = entries(google)
    google.asked.clear()
    google.broken = {
        "machineTypes": [refusal(503, "backendError"), (200, {}, '{"items": {'), (200, {"Content-Length": "900"}, "{")],
        "acceleratorTypes": [refusal(403, "rateLimitExceeded")],
        "skus": [refusal(429, "RESOURCE_EXHAUSTED", Retry_After="7"), (200, {}, '{"skus": ['), (200, {}, "{}")],
    }
    assert entries(google) == whole
    assert pauses == [7.0, 2.0, 4.0, 1.0, 1.0, 2.0, 4.0]
    assert google.kinds().count("machineTypes") == 5


def test_an_update_has_a_row_for_all_zones_with_one_price(
    google: Google, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing that was found is left out."""
    monkeypatch.setenv("STYX_HOME", str(tmp_path))
    (shelf,) = [shelf for shelf in shelves() if shelf.cloud == "gcp"]
    new = update(shelf, refresher(google).services, lambda _: None, force=True).new
    assert not new.skipped
    (row,) = [row for row in new.prices if row[:2] == ("n1-standard-8", "us-central1")]
    assert row.zones == ("us-central1-a", "us-central1-b")
    assert [row.usd_per_gib for row in new.transfer]


def test_what_there_was_stays_where_an_update_ends_half_way(
    google: Google, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A permission that is taken away after the first page has cost nothing but time."""
    monkeypatch.setenv("STYX_HOME", str(tmp_path))
    (shelf,) = [shelf for shelf in shelves() if shelf.cloud == "gcp"]
    answer = google.answer

    def second(path: str, asked: dict[str, str], key: str) -> tuple[int, dict[str, str], str]:
        gone = path.endswith("machineTypes") and "pageToken" in asked
        return refusal(403, "forbidden") if gone else answer(path, asked, key)

    google.answer = second  # type: ignore[method-assign]
    with pytest.raises(PermissionDenied):
        update(shelf, refresher(google).services, lambda _: None, force=True)
    assert shelf.chosen() == (shelf.folder, PACKAGE)


@pytest.mark.parametrize(
    ("kind", "broken", "error"),
    [
        ("machineTypes", refusal(401, "authError"), AuthFailed),
        ("machineTypes", refusal(403, "accessNotConfigured"), PermissionDenied),
        ("machineTypes", refusal(404, "notFound"), InvalidRequest),
        ("machineTypes", refusal(429, "rateLimitExceeded", Retry_After="3"), RateLimited),
        ("machineTypes", refusal(500, "backendError"), Transient),
        ("machineTypes", (502, {}, "<html>Bad gateway</html>"), Transient),
        ("machineTypes", (200, {}, "{}"), Transient),
        ("acceleratorTypes", refusal(403, "forbidden"), PermissionDenied),
        ("skus", refusal(400, "API_KEY_INVALID"), AuthFailed),
        ("skus", refusal(403, "PERMISSION_DENIED"), PermissionDenied),
        ("skus", refusal(429, "RESOURCE_EXHAUSTED"), RateLimited),
        ("skus", refusal(503, "UNAVAILABLE"), Transient),
        ("skus", (200, {}, '{"skus": null}'), Transient),
    ],
)
def test_what_goes_on_failing_is_the_contracts_error(
    google: Google, kind: str, broken: tuple[int, dict[str, str], str], error: type[ProviderError]
) -> None:
    """Told with Google's words, and not before patience is at an end where patience may help."""
    google.broken[kind] = [broken] * 9
    with pytest.raises(error) as caught:
        entries(google)
    assert google.key not in str(caught.value)
    assert type(caught.value) is error
    again = error in {RateLimited, Transient} and broken[2] != "{}"
    assert google.kinds().count(kind) == (1 + len(ask.WAITS) if again else 1)


def test_the_action_that_is_missing_is_named(google: Google) -> None:
    """With what may help."""
    google.broken["acceleratorTypes"] = [refusal(403, "forbidden")]
    with pytest.raises(
        PermissionDenied, match=r"compute\.acceleratorTypes\.list was answered with 403: No\."
    ) as caught:
        entries(google)
    assert caught.value.action == "compute.acceleratorTypes.list"
    assert "Compute Viewer" in str(caught.value.hint)


def test_without_a_project_nothing_is_asked(google: Google) -> None:
    """It is said what is missing."""
    with pytest.raises(InvalidConfig, match="no project") as caught:
        entries(google, project="")
    assert "clouds.gcp.project" in str(caught.value.hint)
    assert google.asked == []


def test_without_credentials_nothing_is_asked(google: Google, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is said how to get some."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent.json")
    with pytest.raises(AuthFailed, match="needs credentials") as caught:
        entries(google, endpoint="")
    assert "gcloud auth" in str(caught.value.hint)
    assert google.asked == []


def test_a_setting_that_is_wrong_is_named_without_its_value(tmp_path: Path) -> None:
    """Also where no cloud is installed that would have checked it; it may be a key."""
    wrong = {"api_key": ["secret"]}
    with pytest.raises(InvalidConfig, match=r"clouds\.gcp\.api_key") as caught:
        GcpRefresher(Services("", "default", wrong, tmp_path, Frozen(), logging.getLogger("test")))
    assert "secret" not in str(caught.value)


def test_a_server_that_is_down_is_transient(google: Google) -> None:
    """Nothing was sent."""
    google.broken["skus"] = []
    with pytest.raises(Transient, match=r"compute\.acceleratorTypes\.list has no answer"):
        entries(google, endpoint="http://127.0.0.1:1")
