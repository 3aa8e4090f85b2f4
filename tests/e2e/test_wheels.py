"""The wheels of the workspace, installed into empty environments: core alone, core with each plugin, all of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = sorted(path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml"))
COMBINATIONS = [(), *((name,) for name in PLUGINS), *([tuple(PLUGINS)] if len(PLUGINS) > 1 else [])]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a wheel of each package, built from a copy of its sources."""
    out = tmp_path_factory.mktemp("wheels")
    for package in (ROOT / "styx-core", *(ROOT / "plugins" / name for name in PLUGINS)):
        copy = tmp_path_factory.mktemp("source") / package.name
        shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__", "dist", "build"))
        build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(copy)]
        subprocess.run(build, check=True, capture_output=True)
    return out


def install(python: Path, wheels: Path, names: Sequence[str]) -> None:
    """Install wheels by name, and what they need from the index, at the pinned versions."""
    files = [str(next(wheels.glob(f"{name.replace('-', '_')}-*.whl"))) for name in names]
    uv = Path(sys.executable).with_name("uv")
    pip = [str(uv), "pip", "install", "--python", str(python)]
    if not uv.exists():
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install"]
    command = [*pip, "--quiet", "--constraint", str(ROOT / "constraints.txt"), *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"the wheels cannot be installed: {done.stderr[-1000:]}")


@pytest.mark.parametrize("plugins", COMBINATIONS, ids=lambda names: "+".join(("core", *names)))
def test_wheels_run_the_first_task(plugins: tuple[str, ...], wheels: Path, tmp_path: Path) -> None:
    """In an empty environment the wheels list their plugins as usable and run a task that says hello."""
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False)
    install(environment / "bin" / "python", wheels, ("styx-core", *plugins))
    env = {name: value for name, value in os.environ.items() if not name.startswith(("STYX_", "PYTHON"))}
    env |= {"STYX_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}

    def styx(*arguments: str) -> str:
        command = [str(environment / "bin" / "styx"), *arguments]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=120)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return done.stdout

    listed = {plugin["name"]: plugin["status"] for plugin in json.loads(styx("plugins", "list", "-o", "json"))}
    assert set(listed) == {"agent", "file", "local", "ssh", *(name.removeprefix("styx-") for name in plugins)}
    assert set(listed.values()) == {"ok"}
    try:
        output = styx("launch", "-c", "first", "--", "echo", "Hello from a wheel")
        assert "Hello from a wheel\n" in output
    finally:
        styx("down", "-y", "first")
