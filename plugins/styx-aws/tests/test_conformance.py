"""The conformance kit, on AWS as the testbed is it: real requests over HTTP, and lists that are behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from styx.api import Cloud
from styx.testing import CloudConformance, FakeClock, services
from styx_aws.cloud import AwsCloud
from styx_aws.config import Settings
from styx_aws.testbed import Testbed
from styx_aws.testbed.shelf import Shelf


@pytest.fixture(scope="module")
def aws() -> Iterator[Testbed]:
    """A testbed whose machines take their time and whose lists are behind, on a clock that the kit moves."""
    with Testbed(hosts=False, clock=FakeClock()) as made, pytest.MonkeyPatch.context() as patch:
        for name, value in made.environment().items():
            patch.setenv(name, value)
        made.habits.boot = made.habits.stop = made.habits.go = made.habits.lag = 1.0
        yield made


class TestAwsCloud(CloudConformance):
    """Every rule for clouds."""

    @pytest.fixture
    def cloud(self, aws: Testbed, tmp_path: Path) -> Cloud:
        """The cloud, with offers in two regions."""
        clock = aws.bed.clock
        assert isinstance(clock, FakeClock)
        settings = Settings(regions=("us-east-1", "eu-west-1"))
        return AwsCloud(services(tmp_path, settings, clock=clock, catalog=Shelf()))

    @pytest.fixture
    def pointed_at(self, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Cloud]:
        """The same settings, with another address."""

        def there(url: str) -> Cloud:
            monkeypatch.setenv("AWS_ENDPOINT_URL", url)
            return AwsCloud(cloud.services)

        return there
