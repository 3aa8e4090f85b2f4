"""A server that behaves like AWS' APIs as far as a refresher asks them.

EC2's answers are moto's; before them stands a server of our own, for what moto lacks: pages, spot prices by zone, the
price list, refusals and broken answers.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import urllib.request
from collections.abc import Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode

import pytest

REGIONS = ("eu-west-1", "us-east-1")
# Two pages of types: what a page has is asked of moto by name.
TYPES = (("c7g.medium", "g5.xlarge", "mac2.metal"), ("g6f.large", "p4de.24xlarge", "trn1.32xlarge"))
SPOT = (  # type, zone, price and day; two pages
    (("g5.xlarge", "us-east-1a", "0.51", 30), ("g5.xlarge", "us-east-1b", "0.62", 30)),
    (("g5.xlarge", "us-east-1a", "0.40", 29), ("p4de.24xlarge", "us-east-1c", "20.5", 30)),
)
ANSWERS: dict[tuple[str, str], str] = {}  # of moto
PRICES = {"us-east-1": (("g5.xlarge", "1.006"), ("p4de.24xlarge", "27.44705"), ("g5.xlarge", "0.0000000000"))}


class Aws:
    """What was asked, and what goes wrong: ``refusals`` are answered first, by action, as (status, body)."""

    def __init__(self, moto: str) -> None:
        self.moto = moto
        self.asked: list[tuple[str, str, dict[str, str]]] = []  # region, action and parameters
        self.refusals: dict[str, list[tuple[int, str]]] = {}
        self.unsaid = ""  # what EC2 does not say of a type
        front = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                region = self.headers["Authorization"].split("/")[2]
                status, kind, answer = front.answer(region, self.headers.get("X-Amz-Target", ""), body, self.headers)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def refuse(self, action: str, code: str, status: int = 400, times: int = 1) -> None:
        """Answer EC2's next requests of this kind with its error."""
        body = f"<Response><Errors><Error><Code>{code}</Code><Message>No.</Message></Error></Errors></Response>"
        self.refusals.setdefault(action, []).extend([(status, body)] * times)

    def actions(self, region: str | None = None) -> list[str]:
        """What was asked, of one region or of all."""
        return [action for where, action, _ in self.asked if region in (None, where)]

    def answer(self, region: str, target: str, body: str, headers: Message) -> tuple[int, str, bytes]:
        """Status, content type and content."""
        asked = json.loads(body) if target else dict(parse_qsl(body))
        action = target.rpartition(".")[2] or asked["Action"]
        self.asked.append((region, action, asked))
        if waiting := self.refusals.get(action):
            status, said = waiting.pop(0)
            return status, "application/json" if target else "text/xml", said.encode()
        if target:
            return 200, "application/x-amz-json-1.1", json.dumps(_products(asked)).encode()
        page = int(asked.pop("NextToken", "0"))
        if action == "DescribeSpotPriceHistory":
            return 200, "text/xml", _spot(page if region == "us-east-1" else len(SPOT)).encode()
        more = ""
        if action == "DescribeRegions":
            asked |= {f"RegionName.{number}": name for number, name in enumerate(REGIONS, 1)}
        elif action == "DescribeInstanceTypes":
            asked |= {f"InstanceType.{number}": name for number, name in enumerate(TYPES[page], 1)}
            more = str(page + 1) if page + 1 < len(TYPES) else ""
        elif action == "DescribeInstanceTypeOfferings":
            names = {f"Filter.1.Value.{number}": name for number, name in enumerate(TYPES[page], 1)}
            asked |= {"Filter.1.Name": "instance-type", **names}
            more = str(page + 1) if page + 1 < len(TYPES) else ""
        answer = self._of_moto(region, asked, headers)
        if self.unsaid:
            answer = answer.replace(f"<{self.unsaid}>", "<other>").replace(f"</{self.unsaid}>", "</other>")
        return 200, "text/xml", re.sub("(</Describe)", rf"<nextToken>{more}</nextToken>\1", answer).encode()

    def _of_moto(self, region: str, asked: dict[str, str], headers: Message) -> str:
        """What moto says; it takes its time, and the same question has the same answer in all tests."""
        question = region, urlencode(asked)
        if question not in ANSWERS:
            kept = {name: headers[name] for name in ("Authorization", "X-Amz-Date", "Content-Type")}
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
    more = str(page + 1) if page + 1 < len(SPOT) else ""
    inner = f"<spotPriceHistorySet>{rows}</spotPriceHistorySet><nextToken>{more}</nextToken>"
    return f"<DescribeSpotPriceHistoryResponse>{inner}</DescribeSpotPriceHistoryResponse>"


def _products(asked: dict[str, object]) -> dict[str, object]:
    """One product a page."""
    filters = asked["Filters"]
    assert isinstance(filters, list)
    region = next(each["Value"] for each in filters if each["Field"] == "regionCode")
    listed = PRICES.get(region, ())
    page = int(str(asked.get("NextToken", 0)))
    products = [_product(*each) for each in listed[page : page + 1]]
    return {
        "FormatVersion": "aws_v1",
        "PriceList": products,
        "NextToken": str(page + 1) if page + 1 < len(listed) else "",
    }


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
def aws(moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """A running server to which boto3 goes, with credentials."""
    front = Aws(moto)
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_ENDPOINT_URL_EC2": front.url, "AWS_ENDPOINT_URL_PRICING": front.url, "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    thread = threading.Thread(target=front.server.serve_forever, args=(0.01,))
    thread.start()
    yield front
    front.server.shutdown()
    thread.join()
    front.server.server_close()
