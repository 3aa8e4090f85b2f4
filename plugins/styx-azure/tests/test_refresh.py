"""The refresher over real HTTP: Azure's own client, and a server that answers in pages and makes trouble."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from styx.api import (
    AuthFailed,
    InvalidConfig,
    NotFound,
    PermissionDenied,
    ProviderError,
    RateLimited,
    Transient,
)
from styx.api.catalog import WAITS
from styx.testing.server import Answer, Asked

if TYPE_CHECKING:
    from conftest import Azure


def refusal(status: int, code: str, **headers: str) -> Answer:
    """An error as the APIs write it."""
    content = json.dumps({"error": {"code": code, "message": "No."}})
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, content


def test_everything_that_may_be_had_is_found_page_by_page(azure: Azure) -> None:
    """In every region; what the subscription is kept from is not, in a region or in each of its zones."""
    assert set(azure.entries()) == {
        ("Standard_D8s_v5", "eastus"), ("Standard_D8s_v5", "westus3"), ("Standard_D8ps_v5", "eastus"),
        ("Standard_E4-2s_v5", "eastus"), ("Standard_NC24ads_A100_v4", "eastus"),
        ("Standard_ND96isr_H200_v5", "eastus"), ("Standard_NV12ads_A10_v5", "eastus"), ("Standard_DC8as_v5", "westus3"),
    }  # fmt: skip
    assert azure.kinds() == ["skus", "skus", "prices", "prices", "prices"]


def test_sizes_are_what_azure_says(azure: Azure) -> None:
    """Processors, memory, temporary disks and devices, named and counted as task files do."""
    found = azure.entries()
    h200, a10 = found["Standard_ND96isr_H200_v5", "eastus"], found["Standard_NV12ads_A10_v5", "eastus"]
    assert h200.accelerator is not None
    assert (h200.accelerator.name, h200.accelerator.count, h200.accelerator.memory_gib) == ("H200", 8, 141)
    assert (h200.vcpus, h200.memory_gib, h200.disk_gib) == (96, 1850, 1000)
    assert a10.accelerator is not None
    assert a10.accelerator.count == 0.333
    assert found["Standard_D8ps_v5", "eastus"].arch == "arm64"
    assert found["Standard_E4-2s_v5", "eastus"].vcpus == 2
    assert found["Standard_D8s_v5", "eastus"].disk_gib == 0
    assert found["Standard_D8s_v5", "westus3"].disk_gib is None


def test_zones_are_named_by_region_and_number(azure: Azure) -> None:
    """Without those that are closed to the subscription; a region may have none."""
    found = azure.entries()
    assert found["Standard_D8s_v5", "eastus"].zones == ("eastus-1", "eastus-2", "eastus-3")
    assert found["Standard_NC24ads_A100_v4", "eastus"].zones == ("eastus-1",)
    assert found["Standard_D8s_v5", "westus3"].zones == ()


def test_prices_are_of_linux_by_the_hour(azure: Azure) -> None:
    """Not with Windows, of Cloud Services, of low priority or of reservations; what has no price has none."""
    found = azure.entries()
    d8s, a100 = found["Standard_D8s_v5", "eastus"], found["Standard_NC24ads_A100_v4", "eastus"]
    assert (d8s.hourly, d8s.spot) == (Decimal("0.384"), Decimal("0.0422"))
    assert (a100.hourly, a100.spot) == (Decimal("3.673"), Decimal("0.67877"))
    assert found["Standard_D8s_v5", "westus3"].spot is None
    for name in ("Standard_ND96isr_H200_v5", "Standard_E4-2s_v5", "Standard_D8ps_v5"):
        assert found[name, "eastus"].hourly is None


def test_regions_can_be_chosen(azure: Azure) -> None:
    """Nobody waits for prices that nobody wants."""
    assert {region for _, region in azure.entries(regions=["WestUS3"])} == {"westus3"}
    assert azure.kinds() == ["skus", "skus", "prices"]


def test_a_size_of_which_too_little_is_said_is_left_out(azure: Azure) -> None:
    """The others are found, and it is said."""
    told: list[str] = []
    assert list(azure.refresher().entries(told.append))
    assert "leaving out sizes of which too little is said: Standard_Odd_v9 ('vCPUs')" in told


def test_a_page_that_is_refused_is_asked_for_again(azure: Azure, pauses: list[float]) -> None:
    """Nothing is missing after too many requests, a server's error or half an answer; the client repeats nothing."""
    whole = azure.entries()
    azure.asked.clear()
    azure.broken = {
        "skus": [refusal(503, "ServiceUnavailable"), (200, {}, '{"value": ['), (200, {"Content-Length": "900"}, "{")],
        "prices": [refusal(429, "TooManyRequests", Retry_After="7"), (200, {}, '{"Items": ['), (200, {}, "{}")],
    }
    assert azure.entries() == whole
    assert pauses == [1.0, 2.0, 4.0, 7.0, 2.0, 4.0]
    assert azure.kinds().count("skus") == 5


def test_a_second_page_that_is_refused_is_no_first_one(azure: Azure) -> None:
    """It is asked for from where the first ended."""
    answer, refused = azure.answer, [refusal(500, "InternalServerError")]

    def once(asked: Asked) -> Answer:
        return refused.pop() if "$skiptoken" in asked.query and refused else answer(asked)

    azure.answer = once  # type: ignore[method-assign]
    found = list(azure.refresher().entries(lambda _: None))
    assert len(found) == len({(each.instance_type, each.region) for each in found}) == 8


@pytest.mark.parametrize(
    ("kind", "broken", "error"),
    [
        ("skus", refusal(401, "InvalidAuthenticationToken"), AuthFailed),
        ("skus", refusal(403, "AuthorizationFailed"), PermissionDenied),
        ("skus", refusal(404, "SubscriptionNotFound"), NotFound),
        ("skus", refusal(429, "TooManyRequests", Retry_After="3"), RateLimited),
        ("skus", refusal(500, "InternalServerError"), Transient),
        ("skus", (502, {"Content-Type": "text/html"}, "<html>Bad gateway</html>"), Transient),
        ("skus", (200, {}, '{"value": ['), Transient),
        ("prices", refusal(403, "Forbidden"), PermissionDenied),
        ("prices", refusal(429, "TooManyRequests"), RateLimited),
        ("prices", refusal(503, "ServiceUnavailable"), Transient),
        ("prices", (200, {}, '{"Items": null}'), Transient),
    ],
)
def test_what_goes_on_failing_is_the_contracts_error(
    azure: Azure, kind: str, broken: Answer, error: type[ProviderError]
) -> None:
    """Told with Azure's words, and not before patience is at an end where patience may help."""
    azure.broken[kind] = [broken] * 9
    with pytest.raises(error) as caught:
        azure.entries()
    assert type(caught.value) is error
    again = error in {RateLimited, Transient}
    assert azure.kinds().count(kind) == (1 + len(WAITS) if again else 1)


def test_an_answer_without_sizes_is_no_catalog(azure: Azure) -> None:
    """It is asked for again another day."""
    azure.broken["skus"] = [(200, {}, '{"value": []}')]
    with pytest.raises(Transient, match="names no size"):
        azure.entries()


def test_the_action_that_is_missing_is_named(azure: Azure) -> None:
    """With what may help."""
    azure.broken["skus"] = [refusal(403, "AuthorizationFailed")]
    with pytest.raises(PermissionDenied, match=r"Microsoft\.Compute/skus/read was answered with 403: No\.") as caught:
        azure.entries()
    assert caught.value.action == "Microsoft.Compute/skus/read"
    assert "Reader" in str(caught.value.hint)


def test_without_a_subscription_nothing_is_asked(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said where one can be named; the environment will do."""
    with pytest.raises(InvalidConfig, match="no subscription") as caught:
        azure.entries(subscription="")
    assert "clouds.azure.subscription" in str(caught.value.hint)
    assert azure.asked == []
    monkeypatch.setenv("AZURE_SUBSCRIPTION_ID", azure.subscription)
    assert azure.entries(subscription="")


def test_without_credentials_nothing_is_asked(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said how to get some."""
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")
    with pytest.raises(AuthFailed, match="needs credentials") as caught:
        azure.entries(endpoint="")
    assert "az login" in str(caught.value.hint)
    assert azure.asked == []


def test_a_server_that_is_down_is_transient(azure: Azure) -> None:
    """Nothing was sent."""
    with pytest.raises(Transient, match=r"Microsoft\.Compute/skus/read has no answer"):
        azure.entries(endpoint="http://127.0.0.1:1")
