"""The refresher over real HTTP: Google's own client, and a server that answers in pages and makes trouble."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from styx.api import (
    AuthFailed,
    InvalidConfig,
    NotFound,
    PermissionDenied,
    ProviderError,
    RateLimited,
    Transient,
)
from styx.api.catalog import WAITS
from styx.testing.server import Answer

if TYPE_CHECKING:
    from conftest import Google


def refusal(status: int, reason: str, **headers: str) -> Answer:
    """An error as the APIs write it."""
    errors = [{"message": "No.", "domain": "global", "reason": reason}]
    error = {"code": status, "message": "No.", "errors": errors, "status": reason}
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps({"error": error})


def test_everything_that_is_sold_is_found_page_by_page(google: Google) -> None:
    """In every zone; what is withdrawn is not, nor what has TPUs."""
    found = google.entries()
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
    found = google.entries()
    mega, micro = found["a3-megagpu-8g", "us-central1-b"], found["e2-micro", "us-central1-a"]
    assert mega.accelerator is not None
    assert (mega.accelerator.name, mega.accelerator.count, mega.accelerator.memory_gib) == ("H100-MEGA", 8, 80)
    assert (mega.vcpus, mega.memory_gib, mega.disk_gib) == (208, 1872, 6000)
    assert (micro.vcpus, micro.memory_gib, micro.disk_gib, micro.capabilities) == (
        2,
        1,
        0,
        {"burstable", "shared-core"},
    )
    assert found["t2a-standard-4", "us-central1-b"].arch == "arm64"
    assert found["z3-highmem-88", "us-central1-b"].disk_gib is None


def test_n1_is_found_with_the_gpus_that_its_zone_has(google: Google) -> None:
    """As many as there may be, and none that is withdrawn or comes with a licence."""
    both = {(name, zone) for name, zone in google.entries() if "+" in name}
    assert both == {
        ("n1-standard-8+t4-1", "us-central1-a"), ("n1-standard-8+t4-2", "us-central1-a"),
        ("n1-standard-8+t4-4", "us-central1-a"), ("n1-standard-96+t4-4", "us-central1-a"),
        ("n1-standard-8+v100-1", "us-central1-b"), ("n1-standard-8+v100-2", "us-central1-b"),
    }  # fmt: skip


def test_prices_are_added_up_of_all_parts(google: Google) -> None:
    """vCPUs, memory, GPUs and local disks; what has no price has none."""
    found = google.entries()
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


def test_the_key_is_for_prices_alone(google: Google) -> None:
    """Compute Engine takes none."""
    google.entries()
    assert {kind: key for kind, _, key in google.asked} == {
        "skus": google.key,
        "acceleratorTypes": "",
        "machineTypes": "",
    }


def test_a_page_that_is_refused_is_asked_for_again(google: Google, pauses: list[float]) -> None:
    """Nothing is missing after too many requests, a server's error or half an answer; the client repeats nothing."""
    whole = google.entries()
    google.asked.clear()
    google.broken = {
        "machineTypes": [refusal(503, "backendError"), (200, {}, '{"items": {'), (200, {"Content-Length": "900"}, "{")],
        "acceleratorTypes": [refusal(403, "rateLimitExceeded")],
        "skus": [refusal(429, "RESOURCE_EXHAUSTED", Retry_After="7"), (200, {}, '{"skus": ['), (200, {}, "{}")],
    }
    assert google.entries() == whole
    assert pauses == [7.0, 2.0, 4.0, 1.0, 1.0, 2.0, 4.0]
    assert google.kinds().count("machineTypes") == 5


@pytest.mark.parametrize(
    ("kind", "broken", "error"),
    [
        ("machineTypes", refusal(401, "authError"), AuthFailed),
        ("machineTypes", refusal(403, "accessNotConfigured"), PermissionDenied),
        ("machineTypes", refusal(404, "notFound"), NotFound),
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
    google: Google, kind: str, broken: Answer, error: type[ProviderError]
) -> None:
    """Told with Google's words, and not before patience is at an end where patience may help."""
    google.broken[kind] = [broken] * 9
    with pytest.raises(error) as caught:
        google.entries()
    assert google.key not in str(caught.value)
    assert type(caught.value) is error
    again = error in {RateLimited, Transient} and broken[2] != "{}"
    assert google.kinds().count(kind) == (1 + len(WAITS) if again else 1)


def test_the_action_that_is_missing_is_named(google: Google) -> None:
    """With what may help."""
    google.broken["acceleratorTypes"] = [refusal(403, "forbidden")]
    with pytest.raises(
        PermissionDenied, match=r"compute\.acceleratorTypes\.list was answered with 403: No\."
    ) as caught:
        google.entries()
    assert caught.value.action == "compute.acceleratorTypes.list"
    assert "Compute Viewer" in str(caught.value.hint)


def test_without_a_project_nothing_is_asked(google: Google) -> None:
    """It is said what is missing."""
    with pytest.raises(InvalidConfig, match="no project") as caught:
        google.entries(project="")
    assert "clouds.gcp.project" in str(caught.value.hint)
    assert google.asked == []


def test_without_credentials_nothing_is_asked(google: Google, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is said how to get some."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent.json")
    with pytest.raises(AuthFailed, match="needs credentials") as caught:
        google.entries(endpoint="")
    assert "gcloud auth" in str(caught.value.hint)
    assert google.asked == []


def test_a_server_that_is_down_is_transient(google: Google) -> None:
    """Nothing was sent."""
    google.broken["skus"] = []
    with pytest.raises(Transient, match=r"compute\.acceleratorTypes\.list has no answer"):
        google.entries(endpoint="http://127.0.0.1:1")
