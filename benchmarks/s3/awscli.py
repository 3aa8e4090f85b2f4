"""The environment that has the AWS CLI: made once, below ``build/``, and again when another version is asked for."""

from __future__ import annotations

import shutil
import sys
import venv
from pathlib import Path

from benchmarks.install import install
from benchmarks.process import ROOT

REQUIREMENT = "awscli==1.46.2"
FOLDER = ROOT / "build" / "awscli"


def ready() -> Path:
    """The program, whose environment is made if need be. Raises CalledProcessError."""
    stamp, wanted = FOLDER / "stamp", f"{REQUIREMENT} on {sys.version}"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        print(f"making an environment with {REQUIREMENT} ...", file=sys.stderr, flush=True)
        shutil.rmtree(FOLDER, ignore_errors=True)
        venv.create(FOLDER / "env", with_pip=False)
        install(FOLDER / "env" / "bin" / "python", REQUIREMENT)
        stamp.write_text(wanted, encoding="utf-8")
    return FOLDER / "env" / "bin" / "aws"
