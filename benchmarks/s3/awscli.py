"""The environment that has the AWS CLI, below ``build/``."""

from __future__ import annotations

from pathlib import Path

from benchmarks.install import programs
from benchmarks.process import ROOT

REQUIREMENT = "awscli==1.46.2"


def ready() -> Path:
    """The program, whose environment is made if need be. Raises CalledProcessError."""
    return programs(REQUIREMENT, ROOT / "build" / "awscli") / "aws"
