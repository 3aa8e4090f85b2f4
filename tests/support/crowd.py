"""Many real processes doing one thing at the same moment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_HEADER = """
import json, os, sys, time
NUMBER, ARGS = int(sys.argv[1]), json.loads(sys.argv[2])
def ready():
    print("ready", flush=True)
    sys.stdin.readline()
def answer(value):
    print(json.dumps(value), flush=True)
"""


def crowd(
    count: int, code: str, args: Mapping[str, Any], *, env: Mapping[str, str] | None = None, timeout: float = 100
) -> list[Any]:
    """Run ``code`` in ``count`` processes; it calls ``ready()``, after which all go on together, and ``answer(x)``.

    ``NUMBER`` and ``ARGS`` are set there. Returns the answers in order of number; raises AssertionError with what a
    process that failed wrote.
    """
    with tempfile.TemporaryDirectory() as scratch:
        script = Path(scratch) / "crowd.py"
        script.write_text(_HEADER + code)
        processes = [
            subprocess.Popen(
                [sys.executable, str(script), str(number), json.dumps(dict(args))],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                env={**os.environ, **(env or {})},
            )
            for number in range(count)
        ]  # fmt: skip
        try:
            for process in processes:
                assert process.stdout is not None
                first = process.stdout.readline()
                assert first == "ready\n", f"{first}{process.communicate(timeout=timeout)[1]}"
            for process in processes:
                assert process.stdin is not None
                process.stdin.write("\n")
                process.stdin.flush()
            answers = []
            for process in processes:
                out, err = process.communicate(timeout=timeout)
                assert process.returncode == 0, err
                answers.append(json.loads(out))
            return answers
        finally:
            for process in processes:
                if process.poll() is None:
                    process.kill()
                    process.communicate()
