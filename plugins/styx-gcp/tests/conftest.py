"""A server that behaves like the Compute Engine and Cloud Billing APIs as far as a refresher asks them."""

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
from styx_gcp.config import Settings
from styx_gcp.refresh import GcpRefresher

__all__ = ["pauses"]
NOW = datetime(2026, 11, 30, 8, 30, tzinfo=UTC)


def machine(name: str, vcpus: int, gib: float, **more: Any) -> dict[str, Any]:
    """A machine type as the API writes it."""
    return {"name": name, "guestCpus": vcpus, "memoryMb": int(gib * 1024), **more}


def with_gpus(name: str, vcpus: int, gib: float, kind: str, count: int, **more: Any) -> dict[str, Any]:
    """One that has GPUs by itself."""
    devices = [{"guestAcceleratorType": kind, "guestAcceleratorCount": count}]
    return machine(name, vcpus, gib, accelerators=devices, **more)


def sku(description: str, price: str, regions: str = "us-central1", **more: Any) -> dict[str, Any]:
    """A price as the API writes it."""
    units, _, rest = price.partition(".")
    unit_price = {"currencyCode": "USD", "units": units, "nanos": int(rest.ljust(9, "0"))}
    expression = {"usageUnit": more.pop("unit", "h"), "tieredRates": [{"startUsageAmount": 0, "unitPrice": unit_price}]}
    return {
        "description": description,
        "category": {"resourceFamily": "Compute", "usageType": "Preemptible" if "Spot" in description else "OnDemand"},
        "serviceRegions": regions.split(),
        "pricingInfo": [{"pricingExpression": expression}],
        **more,
    }


MACHINES: tuple[Mapping[str, list[dict[str, Any]]], ...] = (  # pages, by zone
    {
        "us-central1-a": [
            machine("n1-standard-8", 8, 30),
            machine("n1-standard-96", 96, 360),
            machine("e2-micro", 2, 1, isSharedCpu=True),
            machine("f1-micro", 1, 0.6, isSharedCpu=True),
            with_gpus("g2-standard-8", 8, 32, "nvidia-l4", 1),
            machine("n1-ultramem-40", 40, 961, deprecated={"state": "DEPRECATED"}),
        ],
        "europe-west9-a": [],
    },
    {
        "us-central1-b": [
            machine("n1-standard-8", 8, 30),
            machine("t2a-standard-4", 4, 16),
            with_gpus("a3-megagpu-8g", 208, 1872, "nvidia-h100-mega-80gb", 8, bundledLocalSsds={"partitionCount": 16}),
            with_gpus("a4-highgpu-8g", 224, 3968, "nvidia-b200", 8),
            with_gpus("ct6e-standard-1t", 44, 176, "ct6e", 1),
            machine("z3-highmem-88", 88, 704, bundledLocalSsds={"partitionCount": 12}),
        ],
        "europe-west4-a": [machine("n1-standard-8", 8, 30)],
    },
)
ACCELERATORS: tuple[Mapping[str, list[dict[str, Any]]], ...] = (
    {"us-central1-a": [{"name": "nvidia-tesla-t4", "maximumCardsPerInstance": 4}]},
    {
        "us-central1-b": [
            {"name": "nvidia-l4", "maximumCardsPerInstance": 8},
            {"name": "nvidia-tesla-t4-vws", "maximumCardsPerInstance": 4},
            {"name": "nvidia-tesla-v100", "maximumCardsPerInstance": 2},
        ],
        "europe-west4-a": [
            {"name": "nvidia-tesla-k80", "maximumCardsPerInstance": 8, "deprecated": {"state": "OBSOLETE"}},
        ],
    },
)
ON_DEMAND = {"resourceFamily": "Compute", "usageType": "OnDemand"}
SKUS: tuple[list[dict[str, Any]], ...] = (
    [
        sku("N1 Predefined Instance Core running in Americas", "0.031611", "us-central1 us-east1"),
        sku("N1 Predefined Instance Ram running in Americas", "0.004237", "us-central1 us-east1"),
        sku("Spot Preemptible N1 Predefined Instance Core running in Americas", "0.0107"),
        sku("Spot Preemptible N1 Predefined Instance Ram running in Americas", "0.0014"),
        sku("N1 Predefined Instance Core running in Netherlands", "0.034806", "europe-west4"),
        sku("Nvidia Tesla T4 GPU running in Americas", "0.35"),
        sku("Nvidia Tesla T4 GPU attached to Spot Preemptible VMs running in Americas", "0.1915"),
        sku("Micro Instance with burstable CPU running in Americas", "0.0076"),
        sku("E2 Instance Core running in Americas", "0.02181159"),
        sku("E2 Instance Ram running in Americas", "0.00292353"),
    ],
    [
        sku("G2 Instance Core running in Americas", "0.024988"),
        sku("G2 Instance Ram running in Americas", "0.002927"),
        sku("Nvidia L4 GPU running in Americas", "0.56004"),
        sku("Commitment v1: Nvidia L4 GPU running in Americas for 1 Year", "0.1"),
        sku("A3Plus Instance Core running in Americas", "0.029"),
        sku("A3Plus Instance Ram running in Americas", "0.002"),
        sku("A3 Instance Core running in Americas", "9.9"),
        sku("Nvidia H100 80GB Mega GPU running in Americas", "10"),
        sku("Nvidia H100 80GB Mega GPU DWS Defined Duration running in Americas", "4.2"),
        sku("A4 Nvidia B200 (1 gpu slice) running in Americas", "16.11"),
        sku("Spot Preemptible A4 Nvidia B200 (1 gpu slice) running in Americas", "4.9", category=ON_DEMAND),
        sku("SSD backed Local Storage", "0.073", unit="GiBy.mo"),
        sku("Z3 Instance Core running in Americas", "0.05"),
        sku("Z3 Instance Ram running in Americas", "0.005"),
        sku("N1 Predefined Instance Core running in Nowhere", "0", "us-west8"),
        {"description": "N1 Predefined Instance Ram running in Nowhere", "category": ON_DEMAND},
    ],
)  # fmt: skip
KINDS = {"machineTypes": MACHINES, "acceleratorTypes": ACCELERATORS}


class Google:
    """What was asked, and what goes wrong: ``broken`` is answered first, by kind, as (status, headers, content)."""

    key, project = "AIza-example", "proud-otter-1"

    def __init__(self, home: Path) -> None:
        self.home, self.url = home, ""
        self.asked: list[tuple[str, Mapping[str, str], str]] = []  # kind, parameters and key
        self.broken: dict[str, list[Answer]] = {}

    def refresher(self, **more: Any) -> GcpRefresher:
        """One that asks the server, with these settings beside, at a time that stands."""
        given = {"endpoint": self.url, "billing_url": self.url, "project": self.project, "api_key": self.key} | more
        settings = Settings.model_validate(given)
        return GcpRefresher(services(self.home, settings, clock=FakeClock(NOW)))

    def entries(self, **more: Any) -> dict[tuple[str, str], CatalogEntry]:
        """What a refresh finds, by type and zone."""
        found = list(self.refresher(**more).entries(lambda _: None))
        assert all(len(entry.zones) == 1 for entry in found)
        return {(entry.instance_type, entry.zones[0]): entry for entry in found}

    def kinds(self) -> list[str]:
        """What was asked for."""
        return [kind for kind, _, _ in self.asked]

    def answer(self, asked: Asked) -> Answer:
        """Status, headers and content."""
        path, kind = asked.path, asked.path.rpartition("/")[2]
        self.asked.append((kind, asked.query, asked.headers.get("x-goog-api-key", "")))
        if waiting := self.broken.get(kind):
            return waiting.pop(0)
        page = int(asked.query.get("pageToken") or 0)
        if path == "/v1/services/6F81-5844-456A/skus":
            return 200, {}, json.dumps({"skus": SKUS[page], "nextPageToken": _next(page, SKUS)})
        if path != f"/compute/v1/projects/{self.project}/aggregated/{kind}" or kind not in KINDS:
            return 404, {}, json.dumps({"error": {"code": 404, "message": "No."}})
        zones = KINDS[kind][page].items()
        items = {f"zones/{zone}": {kind: [{"zone": zone, **each} for each in several]} for zone, several in zones}
        return 200, {}, json.dumps({"items": items, "nextPageToken": _next(page, KINDS[kind])})


def _next(page: int, pages: tuple[Any, ...]) -> str:
    return str(page + 1) if page + 1 < len(pages) else ""


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pauses: list[float]) -> Iterator[Google]:
    """A running server, and nobody's credentials."""
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", "/nonexistent")
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    google = Google(tmp_path)
    with serving(google.answer) as google.url:
        yield google
