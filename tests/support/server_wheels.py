"""The wheels of the server and of all that it needs: machines and images of tests reach no index."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def build(folder: Path) -> Path:
    """Put them into the folder, which is returned."""
    wheel = ("-m", "pip", "--quiet", "wheel", "--wheel-dir", folder, "-c", ROOT / "constraints.txt")
    subprocess.run([sys.executable, *wheel, f"{ROOT / 'styx-core'}[server,postgres]"], check=True, capture_output=True)
    return folder
