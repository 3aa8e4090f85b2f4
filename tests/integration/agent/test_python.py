"""Python as jobs find it on a node that has Debian's: pip installs, venv makes, and a python is a python3."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from support.agents import Agent, Client, job

SYSTEM = "/usr/bin/python3"
TOOLS = "apt-get cat chmod dd env flock id mkdir mv rm sh sleep touch wc"


def missing() -> str:
    """Why these cannot run here; empty when they can."""
    shown = "import ensurepip, os, sysconfig; print(os.listdir(sysconfig.get_path('stdlib')))"
    asked = [SYSTEM, "-I", "-c", shown]
    done = subprocess.run(asked, capture_output=True, text=True, check=False) if Path(SYSTEM).exists() else None
    if done is None or done.returncode or "EXTERNALLY-MANAGED" not in done.stdout:
        return "needs a python3 that the system manages, with venv (Debian 12: python3-venv)"
    return ""


pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "-")


@pytest.fixture
def agent(make: Callable[..., Agent]) -> Agent:
    """An agent of a node of its own, with Debian's Python and a few tools."""
    made = make()
    del made.env["STYX_NODE"]
    made.env["PATH"] = str(made.root / "bin")
    (made.root / "bin").mkdir()
    for tool in TOOLS.split():
        found = shutil.which(tool)
        if found is not None and tool != "apt-get":
            (made.root / "bin" / tool).symlink_to(found)
    (made.root / "bin/python3").symlink_to(SYSTEM)
    wheel(made.home / "thing-1.0-py3-none-any.whl")
    return made


def wheel(path: Path) -> None:
    """Make a package that can be installed without an index."""
    about = "thing-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("thing.py", "print('the thing')\n")
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")


def program(agent: Agent, name: str, text: str) -> None:
    """Put a shell script on the node's PATH."""
    path = agent.root / "bin" / name
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def run(client: Client, script: str, setup: str = "") -> tuple[int | None, str]:
    """Run a job; its exit code and output."""
    number = client.call("jobs.submit", **job(script, setup=setup))["id"]
    output = client.log(number).get(0, b"").decode()
    return client.call("jobs.wait", id=number)["exit_code"], output


INSTALL = "pip install --no-index -q ./thing-1.0-py3-none-any.whl"


@pytest.mark.parametrize("install", [INSTALL, "python3 -m " + INSTALL])
def test_pip_installs_where_the_system_forbids_it(agent: Agent, install: str) -> None:
    """For this job, at once, and for all later ones; the system and the home stay as they are."""
    client = agent.ready()
    before = set(agent.home.rglob("*"))
    code, output = run(client, "python -c 'import thing'; python3 -m thing; command -v python3", setup=install)
    assert (code, output.count("the thing\n")) == (0, 2), output
    assert output.endswith(f"{agent.state}/python/bin/python3\n")
    assert run(client, "python3 -c 'import thing'", setup=install) == (0, "the thing\n")
    assert {path for path in agent.home.rglob("*") if ".cache" not in path.parts} == before
    assert subprocess.run([SYSTEM, "-c", "import thing"], capture_output=True, check=False).returncode != 0


def test_what_asks_for_no_pip_gets_no_environment(agent: Agent) -> None:
    """A python is the system's python3, and an environment of the job's own is made as on any system."""
    client = agent.ready()
    assert run(client, "python -c 'import sys; print(sys.executable)'")[1].strip() in {
        SYSTEM,
        f"{agent.env['PATH']}/python3",
    }
    made = f"python3 -m venv own && own/bin/{INSTALL} && . own/bin/activate && python3 -m thing"
    assert run(client, made) == (0, "the thing\n")
    assert not (agent.state / "python").exists()


def test_a_pip_that_installs_is_left_alone(agent: Agent) -> None:
    """As that of conda, of an image made for it, or of a system that lets it."""
    program(agent, "pip", 'echo "theirs $*"')
    (agent.root / "bin/python3").unlink()
    (agent.root / "bin/python3").symlink_to(sys.executable)
    client = agent.ready()
    assert run(client, "pip install thing") == (0, "theirs install thing\n")
    assert not (agent.state / "python").exists()


def test_who_insists_on_the_system_gets_it(agent: Agent) -> None:
    """As Debian's own pip has it."""
    program(agent, "pip", 'echo "theirs $*"')
    client = agent.ready()
    assert run(client, "pip install --break-system-packages x; PIP_BREAK_SYSTEM_PACKAGES=1 pip list") == (
        0, "theirs install --break-system-packages x\ntheirs list\n",
    )  # fmt: skip


def test_a_python_without_venv_gets_it_from_the_package_manager(agent: Agent) -> None:
    """On rented machines; where it cannot be had, what is missing is said, and nothing is half made."""
    lacks = f'[ -e {agent.root}/venv ] || case "$*" in *ensurepip*) exit 1 ;; esac\nexec {SYSTEM} "$@"'
    program(agent, "python3", lacks)
    client = agent.ready()
    code, output = run(client, INSTALL)
    assert code == 1
    assert "this node's Python cannot make environments" in output
    program(agent, "apt-get", f'case "$*" in *" install python3-venv") touch {agent.root}/venv ;; esac')
    (agent.home / ".styx/nodes/machine").mkdir(parents=True)
    assert "needs the package python3-venv, which could not be installed" in run(client, INSTALL)[1]
    (agent.home / ".styx/nodes/machine").rmdir()
    (agent.home / ".styx/nodes").rmdir()
    assert run(client, f"{INSTALL} && python3 -m thing")[1].endswith("the thing\n")


def test_nodes_on_somebodys_own_machine_keep_its_path(make: Callable[..., Agent]) -> None:
    """What is found there is what he has."""
    agent = make()
    client = agent.ready()
    assert run(client, "echo $PATH") == (0, agent.env["PATH"] + "\n")
