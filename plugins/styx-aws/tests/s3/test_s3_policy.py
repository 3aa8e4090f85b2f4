"""What must be allowed, as the README lists it."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import pytest

from styx.api import ProviderError
from styx_aws.errors import asking
from styx_aws.s3.parts import PART
from styx_aws.s3.storage import S3Storage

from .conftest import Front

README = Path(__file__).parents[2] / "README.md"


def listed() -> set[str]:
    """The actions of the table."""
    table = README.read_text(encoding="utf-8").partition("### What must be allowed")[2]
    return set(re.findall(r"`(s3:\w+|sts:\w+)`", table))


def test_the_readme_lists_what_is_asked(
    store: S3Storage, front: Front, aws: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it and nothing else, by the names that policies have for it."""
    asked: set[str] = set()

    def noted(action: str, region: str = "") -> AbstractContextManager[None]:
        asked.add(action)
        return asking(action, region)

    monkeypatch.setattr("styx_aws.s3.refusals.asking", noted)
    monkeypatch.setattr("styx_aws.s3.mounting.asking", noted)
    store.check()
    store.create("another")
    (tmp_path / "big").write_bytes(bytes(PART + 1))
    front.refuse("PUT", "partNumber=2", 403, "AccessDenied")
    with suppress(ProviderError):
        store.put("another", {"big": tmp_path / "big"})
    store.put("another", {"big": tmp_path / "big"})
    store.download("s3://another/", tmp_path / "back")
    store.remove("another", ["big"])
    store.mount_command("s3://another", "data")
    aws.create_multipart_upload(Bucket="another", Key="unfinished")
    store.delete("another")
    assert store.buckets() == ["ours"]
    # Removing versions is asked for like removing objects, and allowed apart.
    assert asked | {"s3:DeleteObjectVersion"} == listed()
