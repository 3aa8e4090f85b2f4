"""How AWS is asked: by few clients, once, with the credentials of one profile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from styx.api import PermissionDenied, ProviderError, RateLimited, Transient
from styx.testing.server import running
from styx_aws.session import Session

if TYPE_CHECKING:
    from conftest import Ec2


def test_a_client_is_made_once_for_a_service_and_a_region(ec2: Ec2) -> None:
    """Whichever threads ask for it: each costs a good part of a second."""
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: ec2.session.client("ec2", f"us-east-{number % 2 + 1}"), range(16)))
    assert len({id(client) for client in made}) == 2
    assert {client.meta.region_name for client in made} == {"us-east-1", "us-east-2"}


def test_clients_repeat_nothing_and_wait_for_ever_for_nothing(ec2: Ec2) -> None:
    """Core does the one, within deadlines of its own."""
    config = ec2.session.client("ec2").meta.config
    assert config.retries["total_max_attempts"] == 1
    assert 0 < config.connect_timeout <= 10
    assert 0 < config.read_timeout <= 60


def test_questions_about_the_account_go_to_the_profiles_region(
    ec2: Ec2, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Or to the one that every account has, where it names none."""
    config = tmp_path / "config"
    keys = "aws_access_key_id = AKIASTYXTESTBED00002\naws_secret_access_key = x\n"
    config.write_text(f"[profile mine]\nregion = eu-west-1\n{keys}[profile bare]\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert Session("mine").home == "eu-west-1"
    assert Session("bare").home == "us-east-1"
    assert Session("mine").call("sts:GetCallerIdentity")["Account"] == "222222222222"
    assert [(call.action, call.region) for call in ec2.bed.bed.calls] == [("sts:GetCallerIdentity", "eu-west-1")]


def test_all_pages_are_read(ec2: Ec2) -> None:
    """By the mark that each has of the next."""
    ec2.bed.habits.page = 2
    pages = list(ec2.session.pages("ec2:DescribeSubnets", "us-east-1"))
    assert len(pages) > 2
    assert len({subnet["SubnetId"] for page in pages for subnet in page["Subnets"]}) == 6


class _Page(BaseHTTPRequestHandler):
    status: int

    def do_POST(self) -> None:
        """Answer whatever is asked with a page for people."""
        page = b"<html><body>Sign in</body></html>"
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [(200, Transient, "a page for people"), (403, PermissionDenied, "403"), (429, RateLimited, "429")],
)
def test_a_page_for_people_is_no_answer(
    monkeypatch: pytest.MonkeyPatch, status: int, kind: type[ProviderError], said: str
) -> None:
    """That of a proxy says nothing of what is there; one that refuses counts by its status."""
    handler = type("Handler", (_Page,), {"status": status})
    with running(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        with pytest.raises(kind, match=said):
            Session().call("ec2:DescribeInstances", "us-east-1")
