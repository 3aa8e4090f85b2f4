"""A store in memory and one on the disk, each with a bucket."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_asyncio

from styx.builtin.file.config import FileConfig
from styx.builtin.file.storage import FileStorage
from styx.engine.storage import StorageWork
from styx.testing.memory import MemoryObjects, MemoryStorage
from support.stores import work as work_of


@pytest.fixture
def objects() -> MemoryObjects:
    """What is in memory."""
    return MemoryObjects()


@pytest_asyncio.fixture
async def work(tmp_path: Path, objects: MemoryObjects) -> StorageWork:
    """Both stores, each with the bucket ``b``."""
    file = (FileStorage, FileConfig(root=tmp_path / "root"))
    made = work_of(tmp_path / "home", file=file, memory=(MemoryStorage, objects))
    for scheme in ("file", "memory"):
        await made.create(f"{scheme}://b")
    return made
