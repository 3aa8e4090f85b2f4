"""What the program imports on the way to its first answers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.plugin_packages import Package

# Each of these costs more than all of the help text, or belongs to a plugin.
FORBIDDEN = (
    "pluggy", "stevedore", "pydantic", "yaml", "sqlalchemy", "rich.console", "asyncio", "importlib.metadata", "boto3",
    "pathlib", "styx.api", "styx.store.store", "styx.engine", "styx.spec", "styx_acme",
)  # fmt: skip
REPORT = "STYX_TEST_MODULES"
# Runs the program and leaves the names of everything imported in a file.
PROGRAM = f"""
import os, sys
from styx.cli.main import main
try:
    code = main()
except SystemExit as error:
    code = error.code
with open(os.environ["{REPORT}"], "w") as file:
    file.write("\\n".join(sys.modules))
sys.exit(code)
"""


def completion(words: str) -> dict[str, str]:
    """The environment in which bash asks to complete the last of these words."""
    return {"_STYX_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}


CASES = [
    pytest.param(["--help"], {}, "Clusters and tasks:", id="help"),
    pytest.param(["--version"], {}, "styx ", id="version"),
    pytest.param(["plugins", "list"], {}, "acme", id="plugins list"),
    pytest.param(["plugins", "--help"], {}, "capabilities", id="plugins help"),
    pytest.param(["launch", "--help"], {}, "--retry-until-up", id="launch help"),
    pytest.param([], completion("styx l"), "launch", id="complete commands"),
    pytest.param([], completion("styx ac"), "acme", id="complete commands of plugins"),
    pytest.param([], completion("styx launch --re"), "--retry-until-up", id="complete options"),
    pytest.param([], completion("styx plugins ca"), "capabilities", id="complete inner commands"),
    pytest.param([], completion("styx down "), "", id="complete cluster names"),
    pytest.param(["jobs", "launch", "--help"], {}, "--num-jobs", id="jobs launch help"),
    pytest.param(["api", "login", "--help"], {}, "--token-file", id="api login help"),
    pytest.param([], completion("styx jobs cancel "), "", id="complete numbers of managed jobs"),
]


@pytest.fixture
def modules(tmp_path: Path):
    """Run the program with a plugin installed; return its output and the modules it imported."""
    site = tmp_path / "site"
    Package().install(site)
    report = tmp_path / "modules"

    def run(arguments: list[str], environment: dict[str, str]) -> tuple[str, set[str]]:
        result = subprocess.run(
            [sys.executable, "-c", PROGRAM, *arguments],
            env={**os.environ, **environment, "PYTHONPATH": str(site), REPORT: str(report)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert result.stderr == ""
        return result.stdout, set(report.read_text().split("\n"))

    return run


@pytest.mark.parametrize(("arguments", "environment", "expected"), CASES)
def test_first_answers_import_next_to_nothing(modules, arguments, environment, expected):
    """Help, version, completion and the list of plugins import neither what is slow nor any plugin."""
    modules(["--version"], {})
    modules(["--help"], {})  # makes the index
    output, imported = modules(arguments, environment)
    assert expected in output
    assert [name for name in FORBIDDEN if name in imported] == []


def test_making_the_index_imports_no_plugin(modules):
    """The first start after an installation reads manifests, and imports neither plugins nor the contract."""
    output, imported = modules(["--help"], {})
    assert "Look at your Acme account." in output
    assert [name for name in FORBIDDEN if name in imported] == []


def test_importing_styx_imports_nothing():
    """``import styx`` costs next to nothing: what it offers is imported when it is used."""
    code = (
        "import sys; before = set(sys.modules); import styx; new = set(sys.modules) - before;"
        "print(*sorted(new)); assert not new & {'typing', 'enum', 're', 'dataclasses', 'warnings', 'collections'}"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["styx"]


def test_a_bad_option_is_told_without_the_rest(modules):
    """A misspelt command is told without importing anything for it."""
    with pytest.raises(subprocess.CalledProcessError) as raised:
        modules(["lunch"], {})
    assert raised.value.returncode == 2
    assert "Did you mean launch" in raised.value.stderr
