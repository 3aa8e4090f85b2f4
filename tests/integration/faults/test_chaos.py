"""Real clients killed at random: a few kills of the loop that `make chaos` runs a hundred of."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_a_few_kills() -> None:
    """It prints what it did and the line that counts, and nothing leaks or is lost."""
    command = [sys.executable, "-m", "styx.testing.faults.chaos", "--kills", "6", "--seed", "7", "--clouds", "local"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=580, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "kills 6, leaked 0, lost 0"
    assert "again with SEED=7" in done.stdout
