"""The reference cloud with an API of HTTP before it, as providers have; also what the kit is shown to notice there."""

from __future__ import annotations

import http.client
from typing import ClassVar
from urllib.parse import urlsplit

from styx.api import (
    AuthFailed,
    Identity,
    OutcomeUnknown,
    PermissionDenied,
    Prepared,
    ProviderError,
    RateLimited,
    Receipt,
    Services,
    Transient,
)
from styx.testing.memory import MemoryCloud


class HttpMemoryCloud(MemoryCloud):
    """Asks at ``url`` before it does anything; with no URL there is nobody to ask."""

    errors: ClassVar[dict[int, type[ProviderError]]] = {
        401: AuthFailed,
        403: PermissionDenied,
        429: RateLimited,
        500: OutcomeUnknown,
        503: Transient,
        504: OutcomeUnknown,
    }
    tries: ClassVar[int] = 1
    lost: ClassVar[type[ProviderError]] = OutcomeUnknown  # what an answer that never came is taken for

    def __init__(self, services: Services, url: str = "") -> None:
        super().__init__(services)
        self.url = url

    def check(self) -> Identity:
        """Ask the API for the account."""
        self._ask("GET", "/account")
        return super().check()

    def launch(self, prepared: Prepared) -> Receipt:
        """Ask the API for machines."""
        self._ask("POST", "/machines")
        return super().launch(prepared)

    def _ask(self, method: str, path: str) -> None:
        for last in range(self.tries, 0, -1):
            status = self._status(method, path) if self.url else 200
            if status in self.errors and last == 1:
                raise self.errors[status](f"{method} {path}: {status}")

    def _status(self, method: str, path: str) -> int:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=5)
        try:
            connection.request(method, path)
            return connection.getresponse().status
        except OSError as error:
            raise self.lost(f"{method} {path}: no answer") from error
        finally:
            connection.close()
