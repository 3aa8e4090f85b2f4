"""The reference clouds keep every rule that they are the reference for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr

from styx.api import Cloud, Services
from styx.testing import CloudConformance, FakeClock, services
from styx.testing.memory import (
    AnonymousMemoryCloud,
    BareMemoryCloud,
    MemoryAccount,
    MemoryCloud,
    NamedMemoryCloud,
    SearchableMemoryCloud,
)
from styx.testing.memory.catalog import default_offers
from support.http_cloud import HttpMemoryCloud


class MemoryConformance(CloudConformance):
    """The whole suite, on a clock on which waiting takes no time."""

    kind: ClassVar[type[BareMemoryCloud]]

    @pytest.fixture
    def cloud(self, tmp_path: Path) -> BareMemoryCloud:
        """A cloud whose machines are directories, so that commands can run on them; it has few, and a secret."""
        offers = [replace(offer, available=8) for offer in default_offers()]
        account = MemoryAccount(homes=tmp_path / "homes", offers=offers)
        account.api_key = SecretStr("hunter2-of-the-account")  # type: ignore[attr-defined]
        return self.kind(services(tmp_path, account, clock=FakeClock()))


class TestBareMemoryCloud(MemoryConformance):
    """No capability beyond the contract's core."""

    kind = BareMemoryCloud


class TestMemoryCloud(MemoryConformance):
    """Every capability, and tokens."""

    kind = MemoryCloud


class TestNamedMemoryCloud(MemoryConformance):
    """Unique names."""

    kind = NamedMemoryCloud


class TestSearchableMemoryCloud(MemoryConformance):
    """Tags alone."""

    kind = SearchableMemoryCloud


class TestAnonymousMemoryCloud(MemoryConformance):
    """The id in the receipt alone."""

    kind = AnonymousMemoryCloud


class TestHttpMemoryCloud(MemoryConformance):
    """An API of HTTP, which can be pointed elsewhere."""

    kind = HttpMemoryCloud

    @pytest.fixture
    def pointed_at(self, cloud: BareMemoryCloud, socket_enabled: None) -> Callable[[str], Cloud]:
        """The same account, with its API at another address: one of this machine."""
        del socket_enabled
        return lambda url: HttpMemoryCloud(cloud.services, url)


class HurriedMemoryCloud(MemoryCloud):
    """Takes one call a second, and launches one in twelve; whoever is faster breaks the contract."""

    traits = replace(MemoryCloud.traits, pace={"": 1.0, "launch": 12.0})

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self.account.call = self._timed  # type: ignore[method-assign]

    @contextlib.contextmanager
    def _timed(self, method: str, *arguments: Any) -> Iterator[None]:
        now, last = self._clock.monotonic(), self.account.__dict__.setdefault("last", {})
        for name, pause in (("", 1.0), (method, self.traits.pace.get(method, 0.0))):
            assert now - last.get(name, -pause) >= pause, f"{method}() came {now - last[name]:g} s after the last call"
            last[name] = now
        with MemoryAccount.call(self.account, method, *arguments):
            yield


class TestHurriedMemoryCloud(MemoryConformance):
    """The kit keeps to a cloud's pace by itself."""

    kind = HurriedMemoryCloud
    test_parallel_observations_agree = None  # on one fake clock the waits of eight threads do not keep them apart
