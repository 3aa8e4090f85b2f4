"""An account that can be taken to another process, where it is empty."""

from __future__ import annotations

from typing import Any

from styx.testing.memory import MemoryAccount


class PortableAccount(MemoryAccount):
    """What it sells goes over, and nothing else."""

    def __reduce__(self) -> Any:
        return _sold, (self.offers,)


def _sold(offers: Any) -> PortableAccount:
    return PortableAccount(offers=offers)
