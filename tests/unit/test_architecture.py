"""Rules about the code itself that no linter knows."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "styx-core" / "src" / "styx"
MODULES = sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py"))

# The outermost loops, and the guards around code that is not ours.
CATCH_ALL = {
    "plugins/isolation.py",
    "cli/main.py",
    "agent/loop.py",
    "agent/daemon.py",
    "agent/main.py",
    "agent/server.py",
    "client/loop.py",
    "threads.py",
    "jobs/driver.py",
    "jobs/runtime.py",
    "server/http/gate.py",
    "server/work/requests.py",
    "server/tidying.py",
}


def tree(module: str) -> ast.Module:
    """The syntax tree of one file."""
    return ast.parse((SOURCE / module).read_text(encoding="utf-8"))


def imports(module: str) -> Iterator[str]:
    """The top-level names of everything a file imports absolutely."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").split(".")[0]


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("api/")])
def test_the_contract_imports_the_standard_library_only(module: str) -> None:
    """A plugin that imports styx.api pays for nothing else."""
    assert set(imports(module)) <= sys.stdlib_module_names | {"styx"}


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("agent/") and name != "agent/build.py"])
def test_the_agent_imports_itself_and_the_standard_library_only(module: str) -> None:
    """What runs on a node is there alone: its own package is imported relatively, and styx never."""
    assert set(imports(module)) <= sys.stdlib_module_names


@pytest.mark.parametrize("module", MODULES)
def test_everything_is_caught_in_few_places_only(module: str) -> None:
    """A broad except hides the next mistake; it belongs to the outermost loops."""
    if module in CATCH_ALL or module.startswith("testing/"):
        return
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.id if isinstance(node.type, ast.Name) else ""
            cleans_up = any(isinstance(last, ast.Raise) and last.exc is None for last in node.body[-1:])
            assert cleans_up or (node.type is not None and caught not in {"Exception", "BaseException"}), node.lineno


@pytest.mark.parametrize("module", MODULES)
def test_files_stay_small(module: str) -> None:
    """A file past 400 lines is more than one idea."""
    assert len((SOURCE / module).read_text(encoding="utf-8").splitlines()) <= 400


def test_core_names_no_provider() -> None:
    """Only the plugins themselves know what a provider is called; the engine treats all alike."""
    for module in MODULES:
        if module.startswith(("engine/", "optimizer/", "store/", "transports/")):
            for node in ast.walk(tree(module)):
                if isinstance(node, ast.Compare):
                    words = {each.value for each in ast.walk(node) if isinstance(each, ast.Constant)}
                    assert not words & {"local", "aws", "gcp", "azure", "lambda", "k8s"}, f"{module}:{node.lineno}"
