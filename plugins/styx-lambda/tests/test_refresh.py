"""The refresher against a server that behaves like Lambda's API."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from styx.api import (
    AuthFailed,
    CatalogEntry,
    PermissionDenied,
    ProviderError,
    RateLimited,
    Services,
    Transient,
)
from styx.catalog.sources import PACKAGE, UPDATED, shelves
from styx.catalog.update import update
from styx_lambda.config import Settings
from styx_lambda.machines import REGIONS
from styx_lambda.refresh import LambdaRefresher

NOW = datetime(2026, 11, 30, 8, 30, tzinfo=UTC)
KEY = "secret_styx_abc.def"


def listed(
    name: str, gpu: str, cents: int | None, regions: tuple[str, ...] = (), gpus: int = 1, **specs: Any
) -> dict[str, Any]:
    """One member of the answer, as the API writes it."""
    return {
        "instance_type": {
            "name": name,
            "description": f"{gpus}x {gpu}",
            "gpu_description": gpu,
            "price_cents_per_hour": cents,
            "specs": {"vcpus": 30, "memory_gib": 200, "storage_gib": 512, "gpus": gpus, **specs},
        },
        "regions_with_capacity_available": [{"name": region, "description": "Somewhere"} for region in regions],
    }


TYPES = [
    listed("gpu_1x_a10", "A10 (24 GB PCIe)", 129, ("us-east-1",)),
    listed("gpu_8x_a100_80gb_sxm4", "A100 (80 GB SXM4)", 2232, gpus=8, vcpus=240, memory_gib=1800),
    listed("gpu_1x_gh200", "GH200 (96 GB)", 229, ("moon-1",), vcpus=64),
    listed("cpu_4x_general", "N/A", 20, gpus=0, vcpus=4),
    listed("gpu_1x_b300", "B300 (288 GB SXM6)", None),
]


class Api:
    """Answers ``GET /api/v1/instance-types``; ``broken`` is answered instead: status, headers and content."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.data: Any = {each["instance_type"]["name"]: each for each in TYPES}
        self.broken: tuple[int, dict[str, str], str] | None = None
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                api.keys.append(self.headers.get("Authorization", ""))
                status, headers, content = api.answer(self.path, api.keys[-1])
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content.encode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/api/v1"

    def answer(self, path: str, key: str) -> tuple[int, dict[str, str], str]:
        """Status, headers and content."""
        if self.broken:
            return self.broken
        if key != f"Bearer {KEY}":
            return refusal(401, "global/invalid-api-key", "API key was invalid, expired, or deleted.")
        if path != "/api/v1/instance-types":
            return refusal(404, "global/object-does-not-exist", "Nothing is there.")
        return 200, {}, json.dumps({"data": self.data})


def refusal(status: int, code: str, message: str, **headers: str) -> tuple[int, dict[str, str], str]:
    """An error as the API writes it."""
    return (
        status,
        headers,
        json.dumps({"error": {"code": code, "message": message, "suggestion": "Try something else."}}),
    )


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Api]:
    """A running server, and a home without a key."""
    monkeypatch.delenv("LAMBDA_API_KEY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    api = Api()
    thread = threading.Thread(target=api.server.serve_forever, args=(0.01,))
    thread.start()
    yield api
    api.server.shutdown()
    thread.join()
    api.server.server_close()


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


def refresher(api: Api, key: str = KEY) -> LambdaRefresher:
    """One that asks the server."""
    settings = Settings.model_validate({"url": api.url, "api_key": key})
    return LambdaRefresher(Services("abc123", "", settings, Path("/nonexistent"), Frozen(), logging.getLogger("test")))


def entries(api: Api, key: str = KEY) -> dict[tuple[str, str], CatalogEntry]:
    """What a refresh finds, by type and region."""
    return {(each.instance_type, each.region): each for each in refresher(api, key).entries(lambda _: None)}


def test_types_and_prices_are_those_of_the_api(api: Api) -> None:
    """Sizes, devices as task files name them, USD per hour; nothing is sold as spot."""
    found = entries(api)
    assert len({name for name, _ in found}) == len(TYPES)
    a100 = found["gpu_8x_a100_80gb_sxm4", "us-west-2"]
    assert (a100.vcpus, a100.memory_gib, a100.disk_gib, a100.hourly) == (240, 1800, 512, Decimal("22.32"))
    devices = {name: entry.accelerator for (name, _), entry in found.items()}
    assert [(each.name, each.count, each.memory_gib) for name in sorted(devices) if (each := devices[name])] == [
        ("A10", 1, 24), ("B300", 1, 288), ("GH200", 1, 96), ("A100-80GB", 8, 80),
    ]  # fmt: skip
    assert found["gpu_1x_gh200", "us-east-1"].arch == "arm64"
    assert found["gpu_1x_b300", "us-east-1"].hourly is None
    assert not any(entry.spot for entry in found.values())


def test_every_type_is_listed_in_every_region(api: Api) -> None:
    """A region in which nothing is free now is no region less; one that is new to us is one more."""
    regions = {region for _, region in entries(api)}
    assert regions == {*REGIONS, "moon-1"}
    assert len(entries(api)) == len(regions) * len(TYPES)


def test_every_entry_names_the_source(api: Api) -> None:
    """The API, of the day of the refresh."""
    asked = refresher(api)
    assert {entry.source for entry in asked.entries(lambda _: None)} == set(asked.sources())
    assert {source.as_of for source in asked.sources().values()} == {NOW.date()}


def test_an_update_takes_the_place_of_what_was_shipped(
    api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As a whole, once the answer is whole; until then what there was stays."""
    monkeypatch.setenv("STYX_HOME", str(tmp_path))
    (shelf,) = [shelf for shelf in shelves() if shelf.cloud == "lambda"]
    services = refresher(api).services
    api.broken = (200, {"Content-Length": "900"}, '{"data": {')
    with pytest.raises(Transient):
        update(shelf, services, lambda _: None)
    assert shelf.chosen() == (shelf.folder, PACKAGE)
    api.broken = None
    updated = update(shelf, services, lambda _: None, force=True)
    assert shelf.chosen() == (str(updated.folder), UPDATED)
    assert len(updated.new.types) == len(TYPES)
    assert not updated.new.skipped
    assert {row.usd_per_gib for row in updated.new.transfer} == {0}


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        (refusal(401, "global/invalid-api-key", "API key was invalid."), AuthFailed),
        (refusal(403, "global/account-inactive", "Your account is inactive."), PermissionDenied),
        (refusal(429, "global/rate-limited", "Slow down.", **{"Retry-After": "7"}), RateLimited),
        (refusal(500, "global/unknown", "Something went wrong."), Transient),
        ((502, {}, "<html>Bad gateway</html>"), Transient),
        ((200, {"Content-Length": "900"}, '{"data": {'), Transient),
        ((200, {}, '{"data": {'), Transient),
        ((200, {}, '{"data": null}'), Transient),
        ((200, {}, '{"data": {}}'), Transient),
        ((200, {}, ""), Transient),
    ],
)
def test_what_goes_wrong_is_the_contracts_error(
    api: Api, broken: tuple[int, dict[str, str], str], error: type[ProviderError]
) -> None:
    """A refusal is told with Lambda's words, and half an answer is no catalog."""
    api.broken = broken
    with pytest.raises(error) as caught:
        entries(api)
    assert KEY not in str(caught.value)
    assert len(api.keys) == 1
    if error is RateLimited:
        assert caught.value.retry_after == 7


def test_a_type_that_makes_no_sense_is_left_out(api: Api) -> None:
    """The others are found, and it is said."""
    api.data["gpu_1x_new"] = {"instance_type": {"name": "gpu_1x_new", "specs": {"vcpus": "many"}}}
    told: list[str] = []
    found = {entry.instance_type for entry in refresher(api).entries(told.append)}
    assert len(found) == len(TYPES)
    assert any("makes no sense" in line for line in told)


def test_the_key_is_looked_for_where_people_keep_it(api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In the settings, then in the environment, then in the file that SkyPilot reads."""
    with pytest.raises(AuthFailed, match="there is no key") as caught:
        entries(api, "")
    assert "LAMBDA_API_KEY" in str(caught.value.hint)
    (tmp_path / ".lambda_cloud").mkdir()
    (tmp_path / ".lambda_cloud/lambda_keys").write_text("ssh_key = x\napi_key = of-the-file\n")
    for key in ("of-the-file", "of-the-environment", KEY):
        if key == "of-the-environment":
            monkeypatch.setenv("LAMBDA_API_KEY", key)
        if key == KEY:
            entries(api)
        else:
            with pytest.raises(AuthFailed, match="401"):
                entries(api, "")
        assert api.keys[-1] == f"Bearer {key}"


def test_a_server_that_is_down_is_transient(api: Api) -> None:
    """Nothing was sent."""
    api.url = "http://127.0.0.1:1/api/v1"
    with pytest.raises(Transient, match="cannot be reached"):
        entries(api)
