"""Two servers that behave like AWS' APIs: one as far as a refresher asks them, and the testbed for the cloud.

The first has moto's answers of EC2, and before them a server of our own for what moto lacks: pages, spot prices by
zone, the price list, refusals and broken answers.
"""

from __future__ import annotations

import json
import logging
import re
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from styx.api import (
    Boot,
    CatalogEntry,
    LaunchRequest,
    Node,
    Observation,
    Offer,
    OfferQuery,
    Owner,
    Receipt,
    Scope,
    new_attempt_id,
)
from styx.testing import FakeClock, pauses, services, serving
from styx.testing.server import Answer, Asked
from styx_aws import policy
from styx_aws.cloud import AwsCloud
from styx_aws.config import Settings
from styx_aws.refresh import AwsRefresher
from styx_aws.testbed import Testbed

__all__ = ["pauses"]
NOW = datetime(2026, 11, 30, 8, 30, tzinfo=UTC)
REGIONS = ("eu-west-1", "us-east-1")
# Two pages of types: what a page has is asked of moto by name.
TYPES = (("c7g.medium", "g5.xlarge", "mac2.metal"), ("g6f.large", "p4de.24xlarge", "trn1.32xlarge"))
SPOT = (  # type, zone, price and day; two pages
    (("g5.xlarge", "us-east-1a", "0.51", 30), ("g5.xlarge", "us-east-1b", "0.62", 30)),
    (("g5.xlarge", "us-east-1a", "0.40", 29), ("p4de.24xlarge", "us-east-1c", "20.5", 30)),
)
ANSWERS: dict[tuple[str, str], str] = {}  # of moto
PRICES = {"us-east-1": (("g5.xlarge", "1.006"), ("p4de.24xlarge", "27.44705"), ("g5.xlarge", "0.0000000000"))}

JSON, XML = {"Content-Type": "application/x-amz-json-1.1"}, {"Content-Type": "text/xml"}


class Aws:
    """What was asked, and what goes wrong: ``refusals`` are answered first, by action, as (status, body)."""

    def __init__(self, moto: str, home: Path) -> None:
        self.moto, self.home = moto, home
        self.asked: list[tuple[str, str, dict[str, Any]]] = []  # region, action and parameters
        self.refusals: dict[str, list[tuple[int, str]]] = {}
        self.unsaid = ""  # what EC2 does not say of a type

    def refresher(self, **more: Any) -> AwsRefresher:
        """One that asks the server, with these settings beside, at a time that stands."""
        settings = Settings.model_validate(more)
        return AwsRefresher(services(self.home, settings, clock=FakeClock(NOW)))

    def entries(self, **more: Any) -> dict[tuple[str, str], CatalogEntry]:
        """What a refresh finds, by type and zone."""
        found = list(self.refresher(**more).entries(lambda _: None))
        assert all(len(entry.zones) == 1 for entry in found)
        return {(entry.instance_type, entry.zones[0]): entry for entry in found}

    def refuse(self, action: str, code: str, status: int = 400, times: int = 1) -> None:
        """Answer EC2's next requests of this kind with its error."""
        body = f"<Response><Errors><Error><Code>{code}</Code><Message>No.</Message></Error></Errors></Response>"
        self.refusals.setdefault(action, []).extend([(status, body)] * times)

    def actions(self, region: str | None = None) -> list[str]:
        """What was asked, of one region or of all."""
        return [action for where, action, _ in self.asked if region in (None, where)]

    def answer(self, request: Asked) -> Answer:
        """Status, headers and content."""
        region, target = request.headers["authorization"].split("/")[2], request.headers.get("x-amz-target", "")
        asked = json.loads(request.body) if target else dict(parse_qsl(request.body))
        action = target.rpartition(".")[2] or asked["Action"]
        self.asked.append((region, action, asked))
        if waiting := self.refusals.get(action):
            status, said = waiting.pop(0)
            return status, JSON if target else XML, said
        if target:
            return 200, JSON, json.dumps(_products(asked))
        page = int(asked.pop("NextToken", "0"))
        if action == "DescribeSpotPriceHistory":
            return 200, XML, _spot(page if region == "us-east-1" else len(SPOT))
        more = ""
        if action == "DescribeRegions":
            asked |= {f"RegionName.{number}": name for number, name in enumerate(REGIONS, 1)}
        elif action == "DescribeInstanceTypes":
            asked |= {f"InstanceType.{number}": name for number, name in enumerate(TYPES[page], 1)}
            more = _next(page, TYPES)
        elif action == "DescribeInstanceTypeOfferings":
            names = {f"Filter.1.Value.{number}": name for number, name in enumerate(TYPES[page], 1)}
            asked |= {"Filter.1.Name": "instance-type", **names}
            more = _next(page, TYPES)
        answer = self._of_moto(region, asked, request.headers)
        if self.unsaid:
            answer = answer.replace(f"<{self.unsaid}>", "<other>").replace(f"</{self.unsaid}>", "</other>")
        return 200, XML, re.sub("(</Describe)", rf"<nextToken>{more}</nextToken>\1", answer)

    def _of_moto(self, region: str, asked: dict[str, str], headers: Mapping[str, str]) -> str:
        """What moto says; it takes its time, and the same question has the same answer in all tests."""
        question = region, urlencode(asked)
        if question not in ANSWERS:
            kept = {name: headers[name] for name in ("authorization", "x-amz-date", "content-type")}
            request = urllib.request.Request(self.moto, question[1].encode(), {**kept, "Host": "ec2.amazonaws.com"})
            with urllib.request.urlopen(request) as response:
                ANSWERS[question] = response.read().decode()
        return ANSWERS[question]


def _spot(page: int) -> str:
    rows = "".join(
        f"<item><instanceType>{name}</instanceType><productDescription>Linux/UNIX</productDescription>"
        f"<spotPrice>{price}</spotPrice><timestamp>2026-11-{day}T08:00:00Z</timestamp>"
        f"<availabilityZone>{zone}</availabilityZone></item>"
        for name, zone, price, day in (SPOT[page] if page < len(SPOT) else ())
    )
    inner = f"<spotPriceHistorySet>{rows}</spotPriceHistorySet><nextToken>{_next(page, SPOT)}</nextToken>"
    return f"<DescribeSpotPriceHistoryResponse>{inner}</DescribeSpotPriceHistoryResponse>"


def _products(asked: dict[str, object]) -> dict[str, object]:
    """One product a page."""
    filters = asked["Filters"]
    assert isinstance(filters, list)
    region = next(each["Value"] for each in filters if each["Field"] == "regionCode")
    listed = PRICES.get(region, ())
    page = int(str(asked.get("NextToken", 0)))
    products = [_product(*each) for each in listed[page : page + 1]]
    return {"FormatVersion": "aws_v1", "PriceList": products, "NextToken": _next(page, listed)}


def _next(page: int, pages: Sequence[object]) -> str:
    return str(page + 1) if page + 1 < len(pages) else ""


def _product(name: str, price: str) -> str:
    dimension = {"unit": "Hrs", "pricePerUnit": {"USD": price}}
    return json.dumps(
        {
            "product": {"attributes": {"instanceType": name}},
            "terms": {"OnDemand": {"A.B": {"priceDimensions": {"A.B.C": dimension}}}},
        }
    )


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """A server of moto's own."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(moto: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pauses: list[float]) -> Iterator[Aws]:
    """A running server to which boto3 goes, with credentials."""
    front = Aws(moto, tmp_path)
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with serving(front.answer) as url:
        for name, value in {
            "AWS_ENDPOINT_URL_EC2": url, "AWS_ENDPOINT_URL_PRICING": url, "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
            "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        yield front


REGION, HERE = "us-east-1", Scope("us-east-1")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIb1tGtyTyE1ntjZ3c4wbHjUtSCcjXHGNgHqUXTmMKZB"
BOOT = Boot(f"{KEY} styx", "#!/bin/sh\n:\n")
SMALL = Offer(
    "aws", HERE, "t3.micro", 2, 1, REGION, f"{REGION}a", hourly_price=Decimal("0.0104"),
    spot_hourly_price=Decimal("0.0040"), capabilities=frozenset({"burstable"}),
)  # fmt: skip


class Sold:
    """A catalog of these offers."""

    def __init__(self, *sold: Offer) -> None:
        self.sold = sold

    def offers(self, query: OfferQuery) -> Sequence[Offer]:
        """All of them."""
        return self.sold


class Ec2:
    """The testbed as one client sees it: a cloud of one installation, and what tests do with it again and again."""

    def __init__(self, bed: Testbed, home: Path, clock: FakeClock) -> None:
        self.bed, self.home, self.clock = bed, home, clock
        self.cloud = self.client()
        self.session = self.cloud.session
        self.made: set[str] = set()

    def client(
        self, place: str = "here", installation: str = "abc123", sold: Sequence[Offer] = (SMALL,), **settings: Any
    ) -> AwsCloud:
        """A cloud on a machine of this name, with these offers in its catalog."""
        known = services(
            self.home / place, Settings.model_validate(settings), installation=installation, clock=self.clock,
            catalog=Sold(*sold),
        )  # fmt: skip
        return AwsCloud(known)

    def owner(self, cluster: str = "dev", installation: str = "abc123") -> Owner:
        """A new attempt."""
        return Owner(installation, cluster, new_attempt_id())

    def request(self, owner: Owner | None = None, nodes: int = 1, offer: Offer = SMALL, **more: Any) -> LaunchRequest:
        """What core would ask for."""
        return LaunchRequest(owner or self.owner(), offer, tuple(range(nodes)), BOOT, **more)

    def launched(self, nodes: int = 1, **more: Any) -> tuple[Owner, Receipt]:
        """Machines that run."""
        request = self.request(nodes=nodes, **more)
        return request.owner, self.cloud.launch(self.cloud.prepare(request))

    def seen(self, owner: Owner | None = None) -> Observation:
        """What is there of this owner, or of everybody."""
        return self.cloud.observe(HERE, None if owner is None else [owner])

    def node(self, owner: Owner) -> Node:
        """Its only machine."""
        (node,) = self.seen(owner).nodes
        return node

    def instance(self, id_: str) -> dict[str, Any]:
        """All that AWS says of a machine."""
        (found,) = self.session.call("ec2:DescribeInstances", REGION, InstanceIds=[id_])["Reservations"]
        (instance,) = found["Instances"]
        return dict(instance)

    def calls(self) -> list[str]:
        """What was asked since this was called last."""
        asked = [call.action for call in self.bed.bed.calls]
        self.bed.bed.calls.clear()
        self.made.update(asked)
        return asked


@pytest.fixture
def clock() -> FakeClock:
    """The time, of the client and of AWS."""
    return FakeClock(NOW)


@pytest.fixture
def bed(monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> Iterator[Testbed]:
    """AWS without hosts, new and empty, with this process as its client."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with Testbed(hosts=False, clock=clock) as bed:
        for name, value in bed.environment().items():
            monkeypatch.setenv(name, value)
        yield bed


@pytest.fixture
def ec2(bed: Testbed, tmp_path: Path, clock: FakeClock) -> Iterator[Ec2]:
    """A client of it. Whatever it asks must be in the policy."""
    ec2 = Ec2(bed, tmp_path, clock)
    yield ec2
    ec2.calls()
    assert ec2.made <= policy.declared()
