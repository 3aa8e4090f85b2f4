"""A store in S3 as moto is it, over real HTTP; before it stands a server that counts, refuses and cuts off."""

from __future__ import annotations

import http.client
import os
import shutil
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from styx.testing import pauses, services
from styx.testing.server import running
from styx_aws.s3.config import S3Settings
from styx_aws.s3.storage import S3Storage

__all__ = ["pauses"]
ELSEWHERE = (
    "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL_S3", "AWS_CA_BUNDLE",
)  # fmt: skip


# Where rclone stands for Mountpoint, whose program cannot be had from Debian: it takes the same arguments.
_MOUNT_S3 = """#!/bin/sh
echo "$@" >"$HOME/asked"
bucket=$1 at=$2 prefix= options=
shift 2
while [ $# -gt 0 ]; do
  case $1 in --prefix) prefix=$2; shift ;; --endpoint-url) RCLONE_CONFIG_S_ENDPOINT=$2; shift ;; --region) shift ;;
  --read-only) options="$options $1" ;; esac
  shift
done
export RCLONE_CONFIG_S_ENDPOINT RCLONE_CONFIG_S_TYPE=s3 RCLONE_CONFIG_S_PROVIDER=Other RCLONE_CONFIG_S_ENV_AUTH=true
exec rclone mount "s:$bucket/$prefix" "$at" --daemon --config /dev/null $options
"""


def write_mount_s3(programs: Path) -> None:
    """Put the stand-in for Mountpoint into a directory of programs."""
    programs.mkdir(parents=True)
    mount_s3 = programs / "mount-s3"
    mount_s3.write_text(_MOUNT_S3)
    mount_s3.chmod(0o755)


@pytest.fixture
def fuse() -> None:
    """Skip where nothing can be mounted."""
    if not Path("/dev/fuse").exists():
        pytest.skip("there is no /dev/fuse here")
    if not shutil.which("rclone") or not (shutil.which("fusermount3") or shutil.which("fusermount")):
        pytest.skip("mounting needs rclone and fuse3")
    if os.geteuid() != 0:
        pytest.skip("taking away what is mounted needs root")


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


class Front:
    """What was asked, as (method, path with query), and what goes wrong instead of what moto would say.

    ``refusals`` are answered first, one for each request that they are for: a method, a part of the target, a status
    and the code of an error; without a status the connection is closed when the answer is half sent.
    """

    def __init__(self, moto: str) -> None:
        self.moto = urlsplit(moto).netloc
        self.asked: list[tuple[str, str]] = []
        self.refusals: list[tuple[str, str, int, str]] = []
        self.regions: list[str] = []  # that requests were signed for
        self.headers: dict[str, str] = {}  # that every answer has
        self._lock = threading.Lock()

    def count(self, method: str, part: str) -> int:
        """How many requests of this method have this in their target."""
        return sum(1 for asked, target in self.asked if asked == method and part in target)

    def refuse(self, method: str, part: str, status: int, code: str = "", times: int = 1) -> None:
        """Let the next requests of this kind go wrong."""
        self.refusals += [(method, part, status, code)] * times

    def take(self, method: str, target: str) -> tuple[int, str] | None:
        """What goes wrong with this request."""
        with self._lock:
            self.asked.append((method, target))
            for refusal in self.refusals:
                if refusal[0] == method and refusal[1] in target:
                    self.refusals.remove(refusal)
                    return refusal[2:]
        return None


class Handler(BaseHTTPRequestHandler):
    """Passes on to moto what nothing is wrong with."""

    protocol_version = "HTTP/1.1"
    front: Front

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.front.regions += [scope.split("/")[2] for scope in [self.headers.get("Authorization", "")] if scope]
        wrong = self.front.take(self.command, self.path)
        if wrong is not None and wrong[0]:
            said = f"<Error><Code>{wrong[1]}</Code><Message>No.</Message></Error>".encode()
            self._send(wrong[0], {"Content-Length": str(len(said))}, said)
            return
        moto = http.client.HTTPConnection(self.front.moto)
        with closing(moto):
            moto.request(self.command, self.path, body, dict(self.headers.items()))
            answer = moto.getresponse()
            content = answer.read()
        headers = {
            name: value for name, value in answer.getheaders() if name.lower() not in {"connection", "date", "server"}
        }
        if wrong is not None:
            self._send(answer.status, headers, content[: len(content) // 2])
            self.close_connection = True
            return
        self._send(answer.status, headers, content)

    def _send(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, **self.front.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(ConnectionError):  # who is killed, or wants no more, does not listen
            self.wfile.write(b"" if self.command == "HEAD" else content)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _answer  # noqa: N815 - as http.server names them

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@pytest.fixture
def front(moto: str, monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> Iterator[Front]:
    """The server that boto3 asks, with nothing in it."""
    urllib.request.urlopen(urllib.request.Request(f"{moto}/moto-api/reset", method="POST")).close()
    front = Front(moto)
    handler = type("Handler", (Handler,), {"front": front})
    with running(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as server:
        point_at(f"http://127.0.0.1:{server.server_port}", monkeypatch)
        yield front


@pytest.fixture
def make(front: Front, tmp_path: Path) -> Callable[..., S3Storage]:
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
def aws(moto: str) -> Any:
    """boto3's own client, to look at what is there behind the store's back."""
    return boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url=moto,
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="secret",
    )


@pytest.fixture
def shelf() -> Any:
    """What moto keeps: the objects of account 123456789012, to make many of at once."""
    from moto.s3.models import s3_backends

    return s3_backends["123456789012"]["aws"]
