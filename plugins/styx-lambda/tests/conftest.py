"""A server that behaves like Lambda's API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from styx.api import CatalogEntry
from styx.testing import FakeClock, services, serving
from styx.testing.server import Answer, Asked
from styx_lambda.config import Settings
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

    key = KEY

    def __init__(self, home: Path) -> None:
        self.home, self.url = home, ""
        self.keys: list[str] = []
        self.data: Any = {each["instance_type"]["name"]: each for each in TYPES}
        self.broken: Answer | None = None

    def refresher(self, key: str = KEY) -> LambdaRefresher:
        """One that asks the server, at a time that stands."""
        settings = Settings.model_validate({"url": f"{self.url}/api/v1", "api_key": key})
        return LambdaRefresher(services(self.home, settings, clock=FakeClock(NOW)))

    def entries(self, key: str = KEY) -> dict[tuple[str, str], CatalogEntry]:
        """What a refresh finds, by type and region."""
        return {(each.instance_type, each.region): each for each in self.refresher(key).entries(lambda _: None)}

    def answer(self, asked: Asked) -> Answer:
        """Status, headers and content."""
        self.keys.append(asked.headers.get("authorization", ""))
        if self.broken:
            return self.broken
        if self.keys[-1] != f"Bearer {KEY}":
            return 401, {}, json.dumps({"error": {"code": "global/invalid-api-key", "message": "API key was invalid."}})
        if asked.path != "/api/v1/instance-types":
            return 404, {}, json.dumps({"error": {"code": "global/object-does-not-exist", "message": "Not here."}})
        return 200, {}, json.dumps({"data": self.data})


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Api]:
    """A running server, and a home without a key."""
    monkeypatch.delenv("LAMBDA_API_KEY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    api = Api(tmp_path)
    with serving(api.answer) as api.url:
        yield api
