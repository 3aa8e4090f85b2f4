"""A server that behaves like Azure's Resource Manager and Retail Prices API as far as a refresher asks them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest


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


class Azure:
    """What was asked, and what goes wrong: ``broken`` is answered first, by kind, as (status, headers, content)."""

    subscription = "00000000-0000-4000-8000-000000000001"

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []  # kind and parameters
        self.broken: dict[str, list[tuple[int, dict[str, str], str]]] = {}
        azure = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                status, headers, content = azure.answer(parts.path, dict(parse_qsl(parts.query)))
                self.send_response(status)
                typed = {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}
                for name, value in typed.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content.encode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def kinds(self) -> list[str]:
        """What was asked for."""
        return [kind for kind, _ in self.asked]

    def answer(self, path: str, asked: dict[str, str]) -> tuple[int, dict[str, str], str]:
        """Status, headers and content."""
        kind = path.rpartition("/")[2]
        self.asked.append((kind, asked))
        if waiting := self.broken.get(kind):
            return waiting.pop(0)
        if path == f"/subscriptions/{self.subscription}/providers/Microsoft.Compute/skus":
            page = int(asked.get("$skiptoken") or 0)
            more = {"nextLink": f"{self.url}{path}?$skiptoken={page + 1}"} if page + 1 < len(SKUS) else {}
            return 200, {}, json.dumps({"value": SKUS[page], **more})
        if path == "/api/retail/prices":
            region = asked["$filter"].split("'")[-2]
            page = int(asked.get("$skip") or 0)
            link = f"https://prices.example{path}?$filter={asked['$filter'].replace(' ', '%20')}&$skip={page + 1}"
            last = page + 1 == len(PRICES[region])
            return 200, {}, json.dumps({"Items": PRICES[region][page], "NextPageLink": None if last else link})
        return 404, {}, json.dumps({"error": {"code": "SubscriptionNotFound", "message": "No."}})


@pytest.fixture
def azure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Azure]:
    """A running server, and nobody's credentials."""
    for name in ("SUBSCRIPTION_ID", "TENANT_ID", "CLIENT_ID", "CLIENT_SECRET", "USERNAME", "PASSWORD"):
        monkeypatch.delenv(f"AZURE_{name}", raising=False)
    azure = Azure()
    thread = threading.Thread(target=azure.server.serve_forever, args=(0.01,))
    thread.start()
    yield azure
    azure.server.shutdown()
    thread.join()
    azure.server.server_close()
