"""The environment that has SkyPilot: made once, below ``build/``, and made again when another version is asked for."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.install import programs
from benchmarks.process import ROOT

REQUIREMENT = "skypilot[aws,gcp,azure,kubernetes,lambda,runpod]==0.14.1"
FOLDER = ROOT / "build" / "peer"
# Whatever would be asked for out there is refused here at once; only what listens on this machine is reached.
NOWHERE = "http://127.0.0.1:9"
OFFLINE = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_GCE_CHECK": "true",
    "PIP_NO_BUILD_ISOLATION": "0",  # which pip reads as: build with what is there. SkyPilot makes a wheel of itself
    "SKYPILOT_DISABLE_USAGE_COLLECTION": "1",
    **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), NOWHERE),
    **dict.fromkeys(("no_proxy", "NO_PROXY"), "127.0.0.1,localhost"),
}


def ready() -> Path:
    """The ``bin`` directory of the environment, which is made if need be. Raises CalledProcessError."""
    return programs(REQUIREMENT, FOLDER)


def surroundings(home: Path, more: Path) -> dict[str, str]:
    """The environment variables of everything that runs SkyPilot: a home of its own and no network.

    ``more`` is a directory of programs that come after all others.
    """
    kept = {name: os.environ[name] for name in ("LANG", "TERM", "USER") if name in os.environ}
    path = os.pathsep.join((str(FOLDER / "env" / "bin"), os.environ.get("PATH", os.defpath), str(more)))
    return kept | OFFLINE | {"HOME": str(home), "TMPDIR": str(home), "PATH": path, "PYTHONPATH": str(ROOT)}
