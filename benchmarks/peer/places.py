"""Where each side lives during a run, and how it is started."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks import process
from benchmarks.peer import PEERS
from benchmarks.peer.environment import surroundings


class Places:
    """Homes, environment variables and commands. Real catalogs that are installed have no part in plans."""

    def __init__(self, scratch: Path, programs: Path) -> None:
        self.scratch = scratch
        self.sky_home, self.styx_home = scratch / "sky", scratch / "styx"
        self.catalogs, self.site = self.sky_home / ".sky" / "catalogs" / "v8", scratch / "site"
        self.python, self.sky, self.styx = programs / "python", str(programs / "sky"), process.STYX
        self.sky_env = surroundings(self.sky_home, _without_rsync(scratch / "bin"))
        self.styx_env = process.environment(self.styx_home, PYTHONPATH=f"{self.site}:{process.ROOT}")
        self.sky_side = (str(self.python), "-m", "benchmarks.peer.sky_side")
        self.styx_side = (process.PYTHON, "-m", "benchmarks.peer.styx_side")
        self.write = (process.PYTHON, "-m", "benchmarks.peer.write")
        self.styx_home.mkdir()
        (self.styx_home / "config.yaml").write_text(f"allowed_clouds: [{', '.join(PEERS)}]\n", encoding="utf-8")


def _without_rsync(folder: Path) -> Path:
    """A directory of programs. SkyPilot insists on ``rsync``, also to launch nothing, and not every machine has it."""
    folder.mkdir()
    if shutil.which("rsync") is None:
        (folder / "rsync").write_text("#!/bin/sh\n", encoding="utf-8")
        (folder / "rsync").chmod(0o755)
    return folder
