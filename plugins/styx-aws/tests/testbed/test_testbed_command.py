"""``python -m styx_aws.testbed`` as a user runs it."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

TESTBED = [sys.executable, "-m", "styx_aws.testbed", "--hosts", "no"]
ACCOUNT = "import boto3; print(boto3.client('sts').get_caller_identity()['Account']); raise SystemExit(3)"


def test_a_command_runs_in_the_testbeds_environment() -> None:
    """It finds AWS there, its status is the testbed's, and what is missing is said in a sentence."""
    argv = [*TESTBED, "--", sys.executable, "-c", ACCOUNT]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (3, "111111111111\n"), done.stderr
    assert done.stderr == "testbed: no hosts were asked for: instances are answers of the interface alone.\n"


def test_its_help_tells_of_the_command() -> None:
    """What runs in it comes after two dashes."""
    done = subprocess.run([*TESTBED, "--help"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "[-- COMMAND...]" in done.stdout) == (0, True), done.stderr


@pytest.mark.parametrize("command", [[], ["--", "sh", "-c", "echo export begun; exec sleep 60"]])
def test_it_ends_when_it_is_told_to(command: list[str]) -> None:
    """Without a command it prints what a shell has to know, and runs on; either way it goes with its command."""
    process = subprocess.Popen([*TESTBED, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("export ")
        process.send_signal(signal.SIGTERM)
        said, errors = process.communicate(timeout=30)
    assert process.returncode == (128 + signal.SIGTERM if command else 0), said + errors
