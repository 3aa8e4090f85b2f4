"""The agent as it was one build before, frozen: what today's has to take over from, and to talk to."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ARCHIVE = next((Path(__file__).parent / "frozen").glob("styx-agent-*.pyz"))


def archive() -> tuple[str, bytes]:
    """Its hash and its archive."""
    found = re.search(r"[0-9a-f]{16}", ARCHIVE.name)
    assert found is not None
    return found.group(), ARCHIVE.read_bytes()


def unpack(directory: Path) -> str:
    """Unpack it; the path of the program."""
    command = [sys.executable, "-I", "-S", str(ARCHIVE), "unpack", str(directory)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    program: str = json.loads(done.stdout)["program"]
    return program
