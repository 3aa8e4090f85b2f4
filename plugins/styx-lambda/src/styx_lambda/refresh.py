"""A new snapshot of what Lambda sells, asked of its API: imported by ``styx catalog update lambda`` alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from styx.api import AuthFailed, CatalogEntry, PermissionDenied, Refresher, Source, Transient
from styx.api.simple import ErrorMap, JsonApi
from styx_lambda.config import Settings, api_key
from styx_lambda.machines import REGIONS, machine

_SOURCE = "api"
_PATH = "/instance-types"
_ERRORS: ErrorMap = {
    "global/invalid-api-key": lambda said: AuthFailed(said, hint="Lambda's dashboard shows which keys there are."),
    "global/account-inactive": lambda said: PermissionDenied(said, action=_PATH, hint="See Lambda's dashboard."),
}


class LambdaRefresher(Refresher):
    """One question, whose answer has everything. A type is listed in every region: see the README."""

    def sources(self) -> Mapping[str, Source]:
        """One: the API."""
        what = "types and prices; each type is listed in every region, for the API tells only where it is free now"
        return {_SOURCE: Source(what, f"Lambda, Cloud API: GET {_PATH}", self.today)}

    def entries(self, progress: Callable[[str], None]) -> Iterable[CatalogEntry]:
        """One for each type and region. A type that makes no sense is left out; not all of them."""
        settings: Settings = self.services.config
        key = api_key(settings)
        api = JsonApi(settings.url, headers={"Authorization": f"Bearer {key}"}, errors=_ERRORS)
        listed = _listed(api.get(_PATH))
        regions = sorted({*REGIONS, *(region for each in listed for region in _free(each))})
        found = 0
        for each in listed:
            try:
                sold, hourly = machine(each["instance_type"])
            except (KeyError, TypeError, ValueError) as error:
                progress(f"leaving out a type that makes no sense: {type(error).__name__}: {error}")
                continue
            found += 1
            for region in regions:
                yield sold.sold(region, _SOURCE, hourly=hourly)
        if not found:
            raise Transient(f"the answer to GET {_PATH} has no instance type in it")


def _listed(answer: Any) -> list[Mapping[str, Any]]:
    data = answer.get("data") if isinstance(answer, Mapping) else None
    if not isinstance(data, Mapping):
        raise Transient(f"the answer to GET {_PATH} has no data in it")
    return [each for _, each in sorted(data.items()) if isinstance(each, Mapping)]


def _free(listed: Mapping[str, Any]) -> Iterable[str]:
    regions = listed.get("regions_with_capacity_available")
    for region in regions if isinstance(regions, list) else ():
        if isinstance(region, Mapping) and isinstance(region.get("name"), str):
            yield region["name"]
