"""What importing the task language costs."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import styx.spec", {"styx.api", "styx.spec.model", "yaml", "typing", "dataclasses"}),
        ("import styx.spec.model", {"yaml", "pydantic", "styx.spec.task"}),
        (
            "from styx.spec import Task, Resources, Dag; Task('a').run('x').resources(Resources().gpu('A100'))",
            {"yaml", "pydantic", "difflib"},
        ),
        ("from styx.spec import Task; Task.from_yaml('run: x')", {"pydantic", "sqlalchemy", "asyncssh", "difflib"}),
    ],
)
def test_nothing_is_imported_too_early(code: str, absent: set[str]) -> None:
    """YAML is imported to read YAML, and pydantic never."""
    script = f"{code}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not absent & set(done.stdout.split())
