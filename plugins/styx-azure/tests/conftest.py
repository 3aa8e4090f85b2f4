"""A server that behaves like Azure's Resource Manager and Retail Prices API as far as a refresher asks them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from styx.api import CatalogEntry
from styx.testing import FakeClock, pauses, services, serving
from styx.testing.server import Answer, Asked
from styx_azure.config import Settings
from styx_azure.refresh import AzureRefresher

__all__ = ["pauses"]
NOW = datetime(2026, 11, 30, 8, 30, tzinfo=UTC)


def sku(name: str, vcpus: int, gib: float, region: str, zones: str = "", **more: Any) -> dict[str, Any]:
    """A size in a region as the API writes it; ``more`` are capabilities and restrictions."""
    restrictions = more.pop("restrictions", [])
    said = {"vCPUs": vcpus, "MemoryGB": gib, **more}
    return {
        "resourceType": "virtualMachines",
        "name": name,
        "locations": [region],
        "locationInfo": [{"location": region, "zones": zones.split()}],
        "capabilities": [{"name": key, "value": str(value)} for key, value in said.items() if value is not None],
        "restrictions": restrictions,
    }


def shut(kind: str, *values: str) -> list[dict[str, Any]]:
    """What keeps a subscription from having a size."""
    info = {"locations": ["eastus"], "zones": list(values) if kind == "Zone" else []}
    told = ["eastus"] if kind == "Zone" else list(values)
    return [{"type": kind, "values": told, "restrictionInfo": info, "reasonCode": "NotAvailableForSubscription"}]


def price(name: str, usd: float, sku_name: str = "", product: str = "Virtual Machines Series", **more: Any) -> Any:
    """A price as the API writes it."""
    return {
        "armSkuName": name, "retailPrice": usd, "skuName": sku_name or name, "productName": product,
        "currencyCode": "USD", "unitOfMeasure": "1 Hour", "type": "Consumption", **more,
    }  # fmt: skip


SKUS: tuple[list[dict[str, Any]], ...] = (
    [
        sku("Standard_D8s_v5", 8, 32, "eastus", "3 1 2", MaxResourceVolumeMB=0, CpuArchitectureType="x64"),
        sku("Standard_D8s_v5", 8, 32, "WestUS3"),
        sku("Standard_D8ps_v5", 8, 32, "eastus", CpuArchitectureType="Arm64"),
        sku("Standard_E4-2s_v5", 4, 32, "eastus", vCPUsAvailable=2),
        sku("Standard_NC24ads_A100_v4", 24, 220, "eastus", "1 2", GPUs=1, restrictions=shut("Zone", "2")),
        {"resourceType": "disks", "name": "Premium_LRS", "locations": ["eastus"], "capabilities": []},
    ],
    [
        sku("Standard_ND96isr_H200_v5", 96, 1850, "eastus", GPUs=8, MaxResourceVolumeMB=1024000),
        sku("Standard_NV12ads_A10_v5", 12, 110, "eastus", GPUs=1),
        sku("Standard_NC6s_v3", 6, 112, "eastus", GPUs=1, restrictions=shut("Location", "eastus")),
        sku("Standard_ND96asr_v4", 96, 900, "eastus", "1 3", GPUs=8, restrictions=shut("Zone", "1", "3")),
        sku("Standard_Odd_v9", 8, 32, "eastus", vCPUs=None),
        sku("Standard_DC8as_v5", 8, 32, "westus3"),
    ],
)
PRICES: dict[str, tuple[list[Any], ...]] = {
    "eastus": (
        [
            price("Standard_D8s_v5", 0.384),
            price("Standard_D8s_v5", 0.752, product="Virtual Machines Dsv5 Series Windows"),
            price("Standard_D8s_v5", 0.0422, "D8s v5 Spot"),
            price("Standard_D8s_v5", 0.0768, "D8s v5 Low Priority"),
            price("Standard_D8s_v5", 0.3, product="Dsv5 Series Cloud Services"),
        ],
        [
            price("Standard_NC24ads_A100_v4", 3.673),
            price("Standard_NC24ads_A100_v4", 0.67877, "NC24ads A100 v4 Spot"),
            price("Standard_ND96isr_H200_v5", 0.0),
            price("Standard_E4-2s_v5", 700, unitOfMeasure="1 Month"),
            price("Standard_NV12ads_A10_v5", 0.908),
            price("Standard_D8ps_v5", 1, type="Reservation"),
        ],
    ),
    "westus3": ([price("Standard_D8s_v5", 0.384, "D8s v5")],),
}


JSON = {"Content-Type": "application/json"}


class Azure:
    """What was asked, and what goes wrong: ``broken`` is answered first, by kind, as (status, headers, content)."""

    subscription = "00000000-0000-4000-8000-000000000001"

    def __init__(self, home: Path) -> None:
        self.home, self.url = home, ""
        self.asked: list[tuple[str, Mapping[str, str]]] = []  # kind and parameters
        self.broken: dict[str, list[Answer]] = {}

    def refresher(self, **more: Any) -> AzureRefresher:
        """One that asks the server, with these settings beside, at a time that stands."""
        given = {"endpoint": self.url, "prices_url": self.url, "subscription": self.subscription} | more
        settings = Settings.model_validate(given)
        return AzureRefresher(services(self.home, settings, clock=FakeClock(NOW)))

    def entries(self, **more: Any) -> dict[tuple[str, str], CatalogEntry]:
        """What a refresh finds, by type and region."""
        found = list(self.refresher(**more).entries(lambda _: None))
        return {(entry.instance_type, entry.region): entry for entry in found}

    def kinds(self) -> list[str]:
        """What was asked for."""
        return [kind for kind, _ in self.asked]

    def answer(self, asked: Asked) -> Answer:
        """Status, headers and content."""
        path, query, kind = asked.path, asked.query, asked.path.rpartition("/")[2]
        self.asked.append((kind, query))
        if waiting := self.broken.get(kind):
            status, headers, content = waiting.pop(0)
            return status, JSON | headers, content
        if path == f"/subscriptions/{self.subscription}/providers/Microsoft.Compute/skus":
            page = int(query.get("$skiptoken") or 0)
            more = {"nextLink": f"{self.url}{path}?$skiptoken={page + 1}"} if page + 1 < len(SKUS) else {}
            return 200, JSON, json.dumps({"value": SKUS[page], **more})
        if path == "/api/retail/prices":
            region = query["$filter"].split("'")[-2]
            page = int(query.get("$skip") or 0)
            link = f"https://prices.example{path}?$filter={query['$filter'].replace(' ', '%20')}&$skip={page + 1}"
            last = page + 1 == len(PRICES[region])
            return 200, JSON, json.dumps({"Items": PRICES[region][page], "NextPageLink": None if last else link})
        return 404, JSON, json.dumps({"error": {"code": "SubscriptionNotFound", "message": "No."}})


@pytest.fixture
def azure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pauses: list[float]) -> Iterator[Azure]:
    """A running server, and nobody's credentials."""
    for name in ("SUBSCRIPTION_ID", "TENANT_ID", "CLIENT_ID", "CLIENT_SECRET", "USERNAME", "PASSWORD"):
        monkeypatch.delenv(f"AZURE_{name}", raising=False)
    azure = Azure(tmp_path)
    with serving(lambda asked: azure.answer(asked)) as azure.url:  # noqa: PLW0108 - a test may replace it
        yield azure
