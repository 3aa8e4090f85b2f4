"""What Lambda's API says of an instance type, in the words of a catalog."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from styx.api import Accelerator, CatalogType

# The API tells where a type is free at the moment, and of no region by itself.
REGIONS = (
    "asia-northeast-1", "asia-northeast-2", "asia-south-1", "australia-east-1", "europe-central-1", "europe-south-1",
    "me-west-1", "us-east-1", "us-east-2", "us-east-3", "us-midwest-1", "us-south-1", "us-south-2", "us-south-3",
    "us-west-1", "us-west-2", "us-west-3",
)  # fmt: skip
_NAME = re.compile(r"gpu_(\d+)x_([a-z0-9]+)")
_MEMORY = re.compile(r"\((\d+) ?GB")
_SAME_NAME_TWICE = {("A100", 80): "A100-80GB", ("V100", 32): "V100-32GB"}  # as task files write them
_CENTS = 100


def machine(about: Mapping[str, Any]) -> tuple[CatalogType, Decimal | None]:
    """An ``instance_type`` of the answer, and what it costs in each region; None where the API names no price.

    Raises KeyError, TypeError or ValueError for one that makes no sense.
    """
    name, specs, cents = str(about["name"]), about["specs"], about.get("price_cents_per_hour")
    if not isinstance(specs, Mapping):
        raise TypeError(f"specs are {specs!r}")
    disk = specs.get("storage_gib")
    sold = CatalogType(
        instance_type=name,
        vcpus=float(specs["vcpus"]),
        memory_gib=float(specs["memory_gib"]),
        arch=arch(name),
        accelerator=_accelerator(name, specs.get("gpus"), str(about.get("gpu_description") or "")),
        disk_gib=None if disk is None else int(disk),
    )
    return sold, Decimal(int(cents)) / _CENTS if cents else None


def arch(name: str) -> str:
    """The processor of a type: Grace is ARM."""
    return "arm64" if re.search(r"x_g[hb]\d", name) else "x86_64"


def _accelerator(name: str, count: Any, description: str) -> Accelerator | None:
    """``gpu_8x_a100_80gb_sxm4`` with "A100 (80 GB SXM4)" is A100-80GB:8."""
    named = _NAME.match(name)
    if named is None:
        return None
    told = _MEMORY.search(description)
    memory = int(told[1]) if told else 0
    model = named[2].upper()
    return Accelerator(_SAME_NAME_TWICE.get((model, memory), model), int(count or named[1]), memory)
