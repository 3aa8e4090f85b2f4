"""The server of `make bench-s3`, which the store takes for S3."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from styx.testing import services
from styx_aws.s3.parts import PART
from styx_aws.s3.storage import S3Storage

ROOT = Path(__file__).parents[4]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Storage]:
    """A store that asks the server."""
    command = (sys.executable, "-m", "benchmarks.s3.server")
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.stdout.readline().strip()}",
            "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        yield S3Storage(services(tmp_path))
        server.kill()


def test_the_server_keeps_what_it_is_given(store: S3Storage, tmp_path: Path) -> None:
    """Small objects and large ones, in several pages, as S3 would; what is removed is gone."""
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    for number in range(1001):
        (tree / "sub" / f"{number:04} %").write_bytes(b"x" * number)
    (tree / "big").write_bytes(os.urandom(PART * 2 + 1))
    store.upload(tree, "s3://bucket/data/")
    found = [thing.key for thing in store.list("s3://bucket/data/")]
    assert found == ["data/big", *(f"data/sub/{number:04} %" for number in range(1001))]
    store.download("s3://bucket/data/", tmp_path / "back")
    assert all((tmp_path / "back" / key[5:]).read_bytes() == (tree / key[5:]).read_bytes() for key in found)
    store.remove("bucket", found)
    assert list(store.list("s3://bucket")) == []
