"""The file storage keeps the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from styx.api import Storage
from styx.builtin.file.config import FileConfig
from styx.builtin.file.storage import FileStorage
from styx.testing import StorageConformance, services


class TestFileStorage(StorageConformance):
    """Every rule for stores, on a disk of this machine."""

    @pytest.fixture
    def storage(self, tmp_path: Path) -> Storage:
        """A store whose root does not exist yet."""
        return FileStorage(services(tmp_path, FileConfig(root=tmp_path / "srv" / "styx")))


class TestSharedFileStorage(StorageConformance):
    """Every rule for stores, on a disk that nodes see too."""

    @pytest.fixture
    def storage(self, tmp_path: Path) -> Storage:
        """A store that nodes copy from by themselves."""
        return FileStorage(services(tmp_path, FileConfig(root=tmp_path / "a shared disk", shared=True)))
