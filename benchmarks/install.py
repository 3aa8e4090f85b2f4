"""Filling an environment from outside, with uv where there is one and with pip otherwise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def install(python: Path, *what: str) -> None:
    """Install for this interpreter. Raises CalledProcessError."""
    uv = Path(sys.executable).with_name("uv")
    pip = [str(uv), "pip", "install", "--python", str(python)] if uv.exists() else [
        sys.executable, "-m", "pip", "--python", str(python), "install",
    ]  # fmt: skip
    subprocess.run([*pip, "--quiet", *what], check=True)
