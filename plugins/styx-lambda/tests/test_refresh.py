"""The refresher against a server that behaves like Lambda's API."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from styx.api import AuthFailed, PermissionDenied, ProviderError, RateLimited, Transient
from styx.testing.server import Answer
from styx_lambda.machines import REGIONS

if TYPE_CHECKING:
    from conftest import Api


def refusal(status: int, code: str, message: str, **headers: str) -> Answer:
    """An error as the API writes it."""
    error = {"code": code, "message": message, "suggestion": "Try something else."}
    return status, headers, json.dumps({"error": error})


def test_types_and_prices_are_those_of_the_api(api: Api) -> None:
    """Sizes, devices as task files name them, USD per hour; nothing is sold as spot."""
    found = api.entries()
    assert {name for name, _ in found} == set(api.data)
    a100 = found["gpu_8x_a100_80gb_sxm4", "us-west-2"]
    assert (a100.vcpus, a100.memory_gib, a100.disk_gib, a100.hourly) == (240, 1800, 512, Decimal("22.32"))
    devices = {name: entry.accelerator for (name, _), entry in found.items()}
    assert [(each.name, each.count, each.memory_gib) for name in sorted(devices) if (each := devices[name])] == [
        ("A10", 1, 24), ("B300", 1, 288), ("GH200", 1, 96), ("A100-80GB", 8, 80),
    ]  # fmt: skip
    assert found["gpu_1x_gh200", "us-east-1"].arch == "arm64"
    assert found["gpu_1x_b300", "us-east-1"].hourly is None
    assert not any(entry.spot for entry in found.values())


def test_every_type_is_listed_in_every_region(api: Api) -> None:
    """A region in which nothing is free now is no region less; one that is new to us is one more."""
    regions = {region for _, region in api.entries()}
    assert regions == {*REGIONS, "moon-1"}
    assert len(api.entries()) == len(regions) * len(api.data)


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        (refusal(401, "global/invalid-api-key", "API key was invalid."), AuthFailed),
        (refusal(403, "global/account-inactive", "Your account is inactive."), PermissionDenied),
        (refusal(429, "global/rate-limited", "Slow down.", **{"Retry-After": "7"}), RateLimited),
        (refusal(500, "global/unknown", "Something went wrong."), Transient),
        ((502, {}, "<html>Bad gateway</html>"), Transient),
        ((200, {"Content-Length": "900"}, '{"data": {'), Transient),
        ((200, {}, '{"data": {'), Transient),
        ((200, {}, '{"data": null}'), Transient),
        ((200, {}, '{"data": {}}'), Transient),
        ((200, {}, ""), Transient),
    ],
)
def test_what_goes_wrong_is_the_contracts_error(api: Api, broken: Answer, error: type[ProviderError]) -> None:
    """A refusal is told with Lambda's words, and half an answer is no catalog."""
    api.broken = broken
    with pytest.raises(error) as caught:
        api.entries()
    assert api.key not in str(caught.value)
    assert len(api.keys) == 1
    if error is RateLimited:
        assert caught.value.retry_after == 7


@pytest.mark.parametrize("specs", [{"vcpus": "many"}, None, "large"])
def test_a_type_that_makes_no_sense_is_left_out(api: Api, specs: object) -> None:
    """The others are found, and it is said."""
    api.data["gpu_1x_new"] = {"instance_type": {"name": "gpu_1x_new", "specs": specs}}
    told: list[str] = []
    found = {entry.instance_type for entry in api.refresher().entries(told.append)}
    assert found == set(api.data) - {"gpu_1x_new"}
    assert any("makes no sense" in line for line in told)


def test_the_key_is_looked_for_where_people_keep_it(api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In the settings, then in the environment, then in the file that SkyPilot reads."""
    with pytest.raises(AuthFailed, match="there is no key") as caught:
        api.entries("")
    assert "LAMBDA_API_KEY" in str(caught.value.hint)
    (tmp_path / ".lambda_cloud").mkdir()
    (tmp_path / ".lambda_cloud/lambda_keys").write_text("ssh_key = x\napi_key = of-the-file\n")
    for key in ("of-the-file", "of-the-environment", api.key):
        if key == "of-the-environment":
            monkeypatch.setenv("LAMBDA_API_KEY", key)
        if key == api.key:
            api.entries()
        else:
            with pytest.raises(AuthFailed, match="401"):
                api.entries("")
        assert api.keys[-1] == f"Bearer {key}"


def test_a_server_that_is_down_is_transient(api: Api) -> None:
    """Nothing was sent."""
    api.url = "http://127.0.0.1:1"
    with pytest.raises(Transient, match="cannot be reached"):
        api.entries()
