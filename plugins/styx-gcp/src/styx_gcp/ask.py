"""Requests to Google Cloud: all pages of every list, and patience."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from styx.api import InvalidConfig, Transient, patiently
from styx.api.simple import JsonApi
from styx_gcp.config import Settings
from styx_gcp.errors import BILLING, LISTING, asking

COMPUTE_ENGINE = "6F81-5844-456A"  # in the Cloud Billing Catalog
_TIMEOUT = 60.0  # seconds; a page of prices has some MB
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_MACHINE_TYPES, _ACCELERATOR_TYPES = "compute.machineTypes.list", "compute.acceleratorTypes.list"


class Gcp:
    """Asks in one project. Google's client repeats nothing; a page is repeated here, after a while."""

    def __init__(self, settings: Settings) -> None:
        from google.auth.credentials import AnonymousCredentials

        self._settings = settings
        if settings.endpoint:
            self._credentials: Any = AnonymousCredentials()  # type: ignore[no-untyped-call]
            self._project = settings.project
        else:
            self._credentials, self._project = _found(settings.project)
        if not self._project:
            raise InvalidConfig(
                "there is no project to ask Compute Engine in", hint="Set clouds.gcp.project or GOOGLE_CLOUD_PROJECT."
            )

    def machine_types(self) -> Iterator[tuple[str, Any]]:
        """Zone by zone, what Compute Engine says of each type there."""
        from google.cloud import compute_v1

        client = self._client(compute_v1.MachineTypesClient)
        for zone, listed in self._pages(_MACHINE_TYPES, client, compute_v1.AggregatedListMachineTypesRequest):
            yield from ((zone, each) for each in listed.machine_types)

    def accelerator_types(self) -> Iterator[tuple[str, Any]]:
        """Zone by zone, which GPUs are there."""
        from google.cloud import compute_v1

        client = self._client(compute_v1.AcceleratorTypesClient)
        for zone, listed in self._pages(_ACCELERATOR_TYPES, client, compute_v1.AggregatedListAcceleratorTypesRequest):
            yield from ((zone, each) for each in listed.accelerator_types)

    def skus(self) -> Iterator[Mapping[str, Any]]:
        """Every price of Compute Engine."""
        token = ""
        while True:
            page = patiently(partial(self._priced, token))
            yield from page["skus"]
            token = str(page.get("nextPageToken") or "")
            if not token:
                return

    def _priced(self, token: str) -> Mapping[str, Any]:
        asked: dict[str, str | int] = {"currencyCode": "USD", "pageSize": 5000}
        if token:
            asked["pageToken"] = token
        page = self._billing().get(f"/v1/services/{COMPUTE_ENGINE}/skus", **asked)
        if not isinstance(page, Mapping) or not isinstance(page.get("skus"), list):
            raise Transient("the answer of the Cloud Billing Catalog has no SKUs in it")
        return page

    def _pages(self, action: str, client: Any, kind: Any) -> Iterator[tuple[str, Any]]:
        # Not by Google's pagers, which cannot go on after a page that failed.
        request = kind(project=self._project, max_results=500)
        while True:
            page = patiently(partial(self._page, action, client, request))
            for scope, listed in page.items.items():
                yield scope.rpartition("/")[2], listed
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def _page(self, action: str, client: Any, request: Any) -> Any:
        with asking(action):
            return next(iter(client.aggregated_list(request, retry=None, timeout=_TIMEOUT).pages))

    def _client(self, kind: Any) -> Any:
        options = {"api_endpoint": self._settings.endpoint} if self._settings.endpoint else None
        with asking("a client of Compute Engine"):
            return kind(credentials=self._credentials, client_options=options)

    def _billing(self) -> JsonApi:
        """With a key, or with the credentials, whose token may have to be another for the next page."""
        from google.auth.transport.requests import Request

        key, url = self._settings.api_key.get_secret_value(), self._settings.billing_url
        headers: dict[str, str] = {"X-Goog-Api-Key": key} if key else {}
        if not key:
            with asking(LISTING):
                self._credentials.before_request(Request(), "GET", url, headers)
        return JsonApi(url, headers=headers, errors=BILLING, timeout=_TIMEOUT, secrets=(key,) if key else ())


def _found(project: str) -> tuple[Any, str]:
    """The credentials that are kept where Google's programs look for them, and the project to ask in."""
    import google.auth

    with asking("Google Cloud"):
        credentials, theirs = google.auth.default(scopes=[_SCOPE])
    return credentials, project or str(theirs or "")
