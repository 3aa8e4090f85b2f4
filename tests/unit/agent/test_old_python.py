"""The program runs on Python 3.8 with nothing but the standard library."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from styx.agent import build

SOURCES = {name: text.decode() for name, text in build.sources().items() if name.endswith(".py")}
# Modules of today's standard library that 3.8 did not have.
NEWER = {"graphlib", "zoneinfo", "tomllib"}
# Attributes that came later, of modules that the program uses.
NEWER_CALLS = {"pidfd_open", "waitstatus_to_exitcode", "removeprefix", "removesuffix", "randbytes", "cache", "batched"}


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_the_syntax_is_that_of_3_8(name: str) -> None:
    """Every file parses with the grammar of Python 3.8, and annotations are never evaluated."""
    tree = ast.parse(SOURCES[name], name, feature_version=(3, 8))
    assert not [node for node in ast.walk(tree) if type(node).__name__ in {"Match", "TryStar"}]
    if any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in ast.walk(tree)):
        assert "from __future__ import annotations" in SOURCES[name]


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_only_the_standard_library_of_3_8(name: str) -> None:
    """Imports are relative or of modules that 3.8 has, and none of styx; no call came later."""
    for node in ast.walk(ast.parse(SOURCES[name])):
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""] if node.level == 0 else []
            assert node.level < 2
        elif isinstance(node, ast.Attribute):
            assert node.attr not in NEWER_CALLS, ast.unparse(node)
        for module in modules:
            top = module.partition(".")[0]
            assert top in sys.stdlib_module_names - NEWER, module


def test_starting_imports_nothing_expensive(tmp_path: Path) -> None:
    """The daemon's modules come without asyncio, subprocess, typing, inspect or logging."""
    code = "import sys; import styx.agent.daemon; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {str(Path(build.HERE).parents[1])!r}); {code}"],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    heavy = {"asyncio", "subprocess", "typing", "inspect", "logging", "ssl", "urllib", "tempfile", "ctypes"}
    assert heavy.isdisjoint(done.stdout.split())


def test_the_archive_holds_the_whole_program() -> None:
    """Every module but the builder, and the shim, are in it."""
    names = set(build.sources())
    here = {path.name for path in Path(build.HERE).iterdir() if path.suffix in {".py", ".sh"}}
    assert here - names == {"build.py"}
    assert "shim.sh" in names
