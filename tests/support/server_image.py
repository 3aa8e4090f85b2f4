"""The server's image, built of this tree as a user would build it, on a base that no registry was asked for."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from support import debian_base, docker, server_wheels

NAME = "styx-test-server"


def missing() -> str:
    """Why none can be built here; empty when one can be."""
    return docker.missing() or debian_base.missing()


def build() -> str:
    """Build the image; its name."""
    with tempfile.TemporaryDirectory(prefix="styx-wheels-") as wheels:
        server_wheels.build(Path(wheels))
        base = ("--build-arg", f"BASE={debian_base.make_base()}", "--build-arg", "PIP_OPTIONS=--no-index")
        done = subprocess.run(
            [server_wheels.ROOT / "deploy" / "image", NAME, "--network=none", *base],
            env={**os.environ, "PYTHON": sys.executable, "WHEELS": wheels},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return NAME
