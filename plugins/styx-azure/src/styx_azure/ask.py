"""Requests to Azure: all pages of every list, and patience."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode, urlsplit

from styx.api import Transient, patiently
from styx.api.simple import JsonApi
from styx_azure.config import Settings, subscription
from styx_azure.errors import asking

LISTING = "Microsoft.Compute/skus/read"
_TIMEOUT = 60  # seconds; the sizes of all regions are one answer of many MB
_PRICES_VERSION = "2023-01-01-preview"


class Azure:
    """Asks for one subscription. Azure's client repeats nothing; a page is repeated here, after a while."""

    def __init__(self, settings: Settings) -> None:
        from azure.mgmt.compute import ComputeManagementClient

        with asking("Azure"):
            self._compute: Any = ComputeManagementClient(
                _credential(settings), subscription(settings), retry_total=0, connection_timeout=_TIMEOUT,
                read_timeout=_TIMEOUT, **_elsewhere(settings),
            )  # fmt: skip
        self._prices = JsonApi(settings.prices_url, timeout=_TIMEOUT)

    def skus(self) -> Iterator[Any]:
        """Everything that Azure says of each size in each region."""
        after: str | None = None
        while True:
            page, after = patiently(partial(self._page, after))
            yield from page
            if not after:
                return

    def prices(self, region: str) -> Iterator[Mapping[str, Any]]:
        """Every price of virtual machines there. Needs no credentials."""
        only = f"serviceName eq 'Virtual Machines' and priceType eq 'Consumption' and armRegionName eq '{region}'"
        asked = {
            "api-version": _PRICES_VERSION,
            "currencyCode": "USD",
            "meterRegion": "'primary'",
            "$filter": only,
        }
        path = f"/api/retail/prices?{urlencode(asked)}"
        while path:
            page = patiently(partial(self._priced, path))
            yield from page["Items"]
            # The link names Azure's own host, which is the one that is asked, or stands behind it.
            link = urlsplit(str(page.get("NextPageLink") or ""))
            path = f"{link.path}?{link.query}" if link.path else ""

    def _page(self, after: str | None) -> tuple[list[Any], str | None]:
        with asking(LISTING):
            pages = self._compute.resource_skus.list().by_page(after)
            page = list(next(pages))
            return page, pages.continuation_token

    def _priced(self, path: str) -> Mapping[str, Any]:
        page = self._prices.get(path)
        if not isinstance(page, Mapping) or not isinstance(page.get("Items"), list):
            raise Transient("the answer of the Azure Retail Prices API has no items in it")
        return page


def _credential(settings: Settings) -> Any:
    if settings.endpoint:
        from azure.core.credentials import AccessToken

        return type("Nobody", (), {"get_token": lambda *_, **__: AccessToken("", 0)})()
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()


def _elsewhere(settings: Settings) -> dict[str, Any]:
    if not settings.endpoint:
        return {}
    from azure.core.pipeline.policies import SansIOHTTPPolicy

    policy: SansIOHTTPPolicy[Any, Any] = SansIOHTTPPolicy()
    return {"base_url": settings.endpoint, "authentication_policy": policy}
