"""S3 keeps the contract of stores."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from styx.api import Storage
from styx.testing import StorageConformance, services
from styx_aws.s3.config import S3Settings
from styx_aws.s3.storage import S3Storage

from .conftest import point_at, write_mount_s3


class TestS3Storage(StorageConformance):
    """Every rule for stores."""

    @pytest.fixture
    def storage(self, moto: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Storage:
        """A store in the region that nobody names."""
        point_at(moto, monkeypatch)
        return S3Storage(services(tmp_path, S3Settings()))

    @pytest.fixture
    def mounts_here(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> bool:
        """Where there is FUSE, with rclone in Mountpoint's place."""
        request.getfixturevalue("fuse")
        write_mount_s3(tmp_path / "programs")
        monkeypatch.setenv("PATH", str(tmp_path / "programs"), prepend=os.pathsep)
        return True
