"""This machine: what tells it from others, and what it has to offer."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
from decimal import Decimal
from pathlib import Path

from styx.agent import gpus
from styx.agent.limits import Limits
from styx.api import DIVISIBLE, Offer, Scope
from styx.builtin import nvidia

SCOPE = Scope("this")
INSTANCE_TYPE = "this-machine"
FREE = Decimal(0)
_GIB = 1 << 30


def offer(cloud: str) -> Offer:
    """The whole machine, of which a node may use any part: what we may use of it, by affinity and control groups."""
    limits = Limits()
    devices = ((device["name"], device["memory"]) for device in gpus.devices())
    return Offer(
        cloud=cloud,
        scope=SCOPE,
        instance_type=INSTANCE_TYPE,
        vcpus=float(limits.cpus),
        memory_gib=round(limits.memory()[1] / _GIB, 2),
        accelerators=nvidia.accelerators(devices),
        hourly_price=FREE,
        arch=os.uname().machine,
        capabilities=frozenset({DIVISIBLE}),
    )


@functools.cache
def machine_id() -> str:
    """What tells this machine from others for good; hashed, because a machine id is nobody else's to know."""
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        with contextlib.suppress(OSError):
            if text := Path(path).read_text(encoding="ascii", errors="replace").strip():
                return hashlib.sha256(f"styx {text}".encode()).hexdigest()[:12]
    return hashlib.sha256(f"styx {os.uname().nodename}".encode()).hexdigest()[:12]
