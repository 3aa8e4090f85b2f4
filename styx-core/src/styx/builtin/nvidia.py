"""From what NVIDIA's driver calls a device to the name that tasks and catalogs use for it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from styx.api import Accelerator

_GIB = 1 << 30

# Words in product names that say how a device is built in or sold, not which model it is.
_NOISE = re.compile(
    r"^(NVIDIA|TESLA|GEFORCE|QUADRO|GRID|GRACE|PCIE?|SXM\d?|SMX|NVL|OAM|AC|HBM\d?E?|\d+GB?|\d+[ABCQ]"
    r"|BLACKWELL|GENERATION|SERVER|WORKSTATION|EDITION|LAPTOP|GPU)$"
)
# Models sold with different amounts of memory under one name: model -> (GiB from which the suffix applies, suffix).
_LARGER = {"A100": (60, "-80GB"), "V100": (24, "-32GB")}


def canonical_name(product: str, memory_gib: float) -> str:
    """``NVIDIA A100-SXM4-80GB`` -> ``A100-80GB``; ``NVIDIA GeForce RTX 4090`` -> ``RTX4090``; ``GPU`` if nameless."""
    whole = product.upper().partition(" MIG ")[0]  # a part of a device is named after the device
    words = [word for word in re.split(r"[\s\-/]+", whole) if word and not _NOISE.match(word)]
    name = re.sub(r"ADA$", "-Ada", "".join(words)) or "GPU"
    threshold, suffix = _LARGER.get(name, (0, ""))
    return name + suffix if suffix and memory_gib >= threshold else name


def accelerators(devices: Iterable[tuple[str, int]]) -> tuple[Accelerator, ...]:
    """Equal devices counted, from ``(product name, memory in bytes)`` pairs; sorted by name."""
    found = Counter((canonical_name(name, memory / _GIB), round(memory / _GIB)) for name, memory in devices)
    return tuple(Accelerator(name, count, memory) for (name, memory), count in sorted(found.items()))
