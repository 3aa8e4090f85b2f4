"""Reading what is on record from disks that nothing can be written to."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from styx.api import StoreError
from styx.client.embedded import EmbeddedClient
from styx.store import Store
from support import disks

MAKE = """
import os, signal
from pathlib import Path
from styx.store import Store
from support.records import cluster
store = Store.open(home=Path(os.environ["STYX_HOME"]))
store.clusters.create(cluster("c"))
os.kill(os.getpid(), signal.SIGKILL)  # what it wrote is beside the database and not in it yet
"""


@pytest.mark.parametrize("how", ["full", "read-only"])
def test_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """The clusters are listed, also what a killed process has written last, and it is said why no more is done."""
    with disks.small_disk(tmp_path / "disk", "size=2m") as disk:
        monkeypatch.setenv("STYX_HOME", str(disk / "home"))
        path = os.pathsep.join(sys.path)
        made = subprocess.run([sys.executable, "-c", MAKE], env={**os.environ, "PYTHONPATH": path}, check=False)
        assert made.returncode == -signal.SIGKILL
        (disk / "home" / "state.db-shm").unlink()
        if how == "full":
            subprocess.run(["dd", "if=/dev/zero", f"of={disk}/fill", "bs=4k"], capture_output=True, check=False)
        else:
            subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        client = EmbeddedClient()
        try:
            assert [record.name for record in client.status()] == ["c"]
            assert client.outdated() is not None
        finally:
            client.close()


@pytest.mark.parametrize("pages", range(4, 64, 4))
def test_making_one_where_there_is_little_room(tmp_path: Path, pages: int) -> None:
    """It is there in full or not at all."""
    with disks.small_disk(tmp_path / "disk", f"size={4 * pages}k") as disk:
        with suppress(StoreError), Store.open(home=disk):
            pass
        if (disk / "state.db").exists():
            (tmp_path / "copy").mkdir()
            shutil.copy(disk / "state.db", tmp_path / "copy")
            with Store.open(home=tmp_path / "copy") as store:
                assert store.clusters.list() == []
