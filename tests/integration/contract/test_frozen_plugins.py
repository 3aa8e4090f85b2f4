"""Plugins written for an older contract go on working; those written for a newer one are told what to do."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from styx.api import CONTRACT
from styx.testing import CloudConformance
from styx.testing.since import since_of

HERE = Path(__file__).parent
FROZEN = {"oldtimer": (1, 0)}  # the directory beside this file -> the cloud contract that its wheel was built for
EXIT_UNUSABLE = 69
NEWER = r"SKIPPED \[(\d+)\].*: a rule since cloud contract [\d.]+; this was written for cloud ([\d.]+)"

Run = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = [pytest.mark.slow]


def wheel_of(name: str) -> Path:
    """The wheel as it was published."""
    (wheel,) = (HERE / name).glob("*.whl")
    return wheel


def restated(wheel: Path, version: str, target: Path) -> Path:
    """The same wheel with another version of the cloud contract in its manifest, as a later author would write it."""
    made = target / wheel.name
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(made, "w") as new:
        for entry in old.infolist():
            data = old.read(entry)
            if entry.filename.endswith("styx-plugin.toml"):
                assert b'cloud = "1.0"' in data
                data = data.replace(b'cloud = "1.0"', f'cloud = "{version}"'.encode())
            if entry.filename.endswith("RECORD"):  # sums are optional there, and that of the manifest is another now
                lines = data.decode().splitlines()
                data = "".join(f"{line.split(',')[0]},,\n" for line in lines).encode()
            new.writestr(entry, data)
    return made


@pytest.mark.parametrize("name", FROZEN)
def test_it_is_listed_as_ok(name: str, install: Callable[[Path], None], styx: Run) -> None:
    """Installed beside this core it can be used, and what its manifest promises can be loaded."""
    install(wheel_of(name))
    listed = {each["name"]: each for each in json.loads(styx("plugins", "list", "-o", "json").stdout)}
    assert (listed[name]["status"], listed[name]["reason"]) == ("ok", "")
    checked = styx("plugins", "check", name, "-o", "json")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert {row["status"] for row in json.loads(checked.stdout)} == {"ok"}


@pytest.mark.parametrize(("name", "version"), FROZEN.items())
def test_it_passes_the_kit_of_its_version(
    name: str, version: tuple[int, int], install: Callable[[Path], None], run: Run, tmp_path: Path
) -> None:
    """Of today's rules it keeps all that are as old as it; the newer ones are skipped, each with that reason."""
    install(wheel_of(name))
    suite = tmp_path / f"test_{name}.py"
    suite.write_text((HERE / name / "conformance.py.txt").read_text())
    done = run("-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "-c", "/dev/null", str(suite), cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-3000:]
    rules = [getattr(CloudConformance, rule) for rule in dir(CloudConformance) if rule.startswith("test_")]
    newer = [rule for rule in rules if since_of(rule) > version]
    skips = re.findall(
        r"SKIPPED \[(\d+)\].*: a rule since cloud contract [\d.]+; this was written for cloud ([\d.]+)", done.stdout
    )
    assert {stated for _, stated in skips} == {f"{version[0]}.{version[1]}"}
    assert sum(int(count) for count, _ in skips) == len(newer) > 0


@pytest.mark.parametrize("name", FROZEN)
def test_it_runs_a_task(name: str, install: Callable[[Path], None], styx: Run) -> None:
    """A machine is rented there, runs a task, and is removed again."""
    install(wheel_of(name))
    made = styx("launch", "-y", "-c", "old", "--infra", name, "--", "echo hi from $STYX_NODE_RANK")
    try:
        assert made.returncode == 0, made.stderr
        assert "hi from 0" in made.stdout
        (cluster,) = json.loads(styx("status", "-o", "json").stdout)
        assert (cluster["name"], cluster["state"]) == ("old", "up")
    finally:
        down = styx("down", "-y", "old")
    assert down.returncode == 0, down.stderr
    assert json.loads(styx("status", "-o", "json").stdout) == []


@pytest.mark.parametrize("version", ["9.0", f"{CONTRACT['cloud'][0]}.9"])
def test_one_that_is_too_new_is_told_so(
    version: str, install: Callable[[Path], None], styx: Run, tmp_path: Path
) -> None:
    """A newer minor version may use what this core lacks: like another major one it is refused, with both ways out."""
    install(restated(wheel_of("oldtimer"), version, tmp_path))
    core = ".".join(map(str, CONTRACT["cloud"]))
    listed = {each["name"]: each for each in json.loads(styx("plugins", "list", "-o", "json").stdout)}
    assert listed["oldtimer"]["status"] == "incompatible"
    assert f"was written for cloud contract {version}; this styx-core has {core}" in listed["oldtimer"]["reason"]
    assert (
        "Install a newer styx-core (pip install -U styx-core), or an older styx-oldtimer" in listed["oldtimer"]["fix"]
    )
    refused = styx("launch", "-y", "-c", "new", "--infra", "oldtimer", "--", "echo hi")
    assert refused.returncode == EXIT_UNUSABLE
    assert "a newer styx-core" in refused.stderr
    assert styx("launch", "-y", "-c", "ours", "--infra", "local", "true").returncode == 0
    assert styx("down", "-y", "ours").returncode == 0


def test_a_frozen_wheel_is_what_was_published() -> None:
    """Its manifest says the version that it is kept for, and nobody has touched its code since."""
    for name, (major, minor) in FROZEN.items():
        with zipfile.ZipFile(wheel_of(name)) as wheel:
            (record,) = [entry for entry in wheel.namelist() if entry.endswith("RECORD")]
            rows = [line.split(",") for line in wheel.read(record).decode().splitlines()]
            for path, told, _ in rows:
                if told:
                    found = base64.urlsafe_b64encode(hashlib.sha256(wheel.read(path)).digest()).rstrip(b"=").decode()
                    assert told == f"sha256={found}", path
            manifest = wheel.read(f"styx_{name}/styx-plugin.toml").decode()
        assert f'cloud = "{major}.{minor}"' in manifest
