"""Filling an environment from outside, with uv where there is one and with pip otherwise."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path


def install(python: Path, *what: str) -> None:
    """Install for this interpreter. Raises CalledProcessError."""
    uv = Path(sys.executable).with_name("uv")
    pip = [str(uv), "pip", "install", "--python", str(python)] if uv.exists() else [
        sys.executable, "-m", "pip", "--python", str(python), "install",
    ]  # fmt: skip
    subprocess.run([*pip, "--quiet", *what], check=True)


def programs(requirement: str, folder: Path) -> Path:
    """The ``bin`` of an environment in ``folder`` that has this requirement; it is made once, and again for another.

    Raises CalledProcessError.
    """
    stamp, wanted = folder / "stamp", f"{requirement} on {sys.version}"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        print(f"making an environment with {requirement}; it takes a while ...", file=sys.stderr, flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder / "env", with_pip=False)
        install(folder / "env" / "bin" / "python", requirement)
        stamp.write_text(wanted, encoding="utf-8")
    return folder / "env" / "bin"
