"""A store in S3 as moto is it, over real HTTP."""

from __future__ import annotations

import logging
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from styx.testing import pauses, services
from styx_aws.s3.config import S3Settings
from styx_aws.s3.storage import S3Storage

__all__ = ["pauses"]
ELSEWHERE = (
    "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL_S3", "AWS_CA_BUNDLE",
)  # fmt: skip


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


def point_at(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let boto3 ask this server, with credentials of account 123456789012."""
    for name in ELSEWHERE:
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_ENDPOINT_URL": url, "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)


@pytest.fixture
def server(moto: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The server's address, with nothing in it."""
    urllib.request.urlopen(urllib.request.Request(f"{moto}/moto-api/reset", method="POST")).close()
    point_at(moto, monkeypatch)
    return moto


@pytest.fixture
def make(server: str, tmp_path: Path) -> Callable[..., S3Storage]:
    """Makes stores with these settings, of one installation unless another is named."""

    def make(installation: str = "abc123", **settings: Any) -> S3Storage:
        return S3Storage(services(tmp_path, S3Settings(**settings), installation=installation))

    return make


@pytest.fixture
def store(make: Callable[..., S3Storage]) -> S3Storage:
    """A store with the bucket ``ours``."""
    store = make()
    store.create("ours")
    return store


@pytest.fixture
def aws(server: str) -> Any:
    """boto3's own client, to look at what is there behind the store's back."""
    return boto3.client("s3", region_name="us-east-1", endpoint_url=server)
