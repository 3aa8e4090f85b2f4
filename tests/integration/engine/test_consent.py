"""With a real plugin and the real program: nothing is paid, looked up or copied that was not meant to be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from styx.client.embedded import EmbeddedClient
from support.plugin_packages import Package

MANIFEST = """
name = "mover"
summary = "A policy that moves tasks to a cloud that costs money, and that cloud."
hooks = "styx_mover.hooks"
implements = ["styx_policy", "styx_secret"]

[contract]
cloud = "1.0"
hooks = "1.0"

[[provides]]
kind = "cloud"
name = "paid"
target = "styx_mover.cloud:Paid"
"""
CLOUD = """
from dataclasses import replace
from decimal import Decimal

from styx.builtin.local.cloud import LocalCloud


class Paid(LocalCloud):
    name = "paid"

    def offers(self, query):
        return [replace(offer, hourly_price=Decimal("3.50")) for offer in super().offers(query)]
"""
HOOKS = """
import os

from styx.hookspecs import hookimpl


@hookimpl
def styx_policy(task, operation):
    return {**task, "resources": {"infra": "paid"}} if operation == "launch" and "MOVED" in os.environ else None


@hookimpl
def styx_secret(reference):
    return "hunter2-long" if reference == "vault:team/key" else None
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A directory of packages with the plugin in it."""
    package = Package(
        name="mover",
        manifest=MANIFEST,
        modules={"cloud": CLOUD, "hooks": HOOKS},
        clouds=("paid = styx_mover.cloud:Paid",),
    )
    package.install(tmp_path / "site")
    return tmp_path / "site"


def styx(site: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the program with the plugin installed, and no terminal."""
    return subprocess.run(
        [sys.executable, "-m", "styx.cli.main", *arguments],
        env={**os.environ, "PYTHONPATH": str(site), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_policy_spends_no_money_unasked(client: EmbeddedClient, site: Path) -> None:
    """A task that a policy moves to a paid cloud needs consent to that price; nothing is made without."""
    refused = styx(site, "launch", "-c", "c", "--", "true", MOVED="1")
    assert (refused.returncode, "on paid" in refused.stderr, "$3.50 an hour" in refused.stderr) == (2, True, True)
    assert client.status() == []
    shown = json.loads(styx(site, "launch", "--dryrun", "-o", "json", "--", "true", MOVED="1").stdout)
    assert shown["chosen"]["infra"].partition("/")[0] == "paid"
    agreed = styx(site, "launch", "-c", "c", "-y", "--", "echo paid", MOVED="1")
    assert (agreed.returncode, agreed.stdout) == (0, "paid\n")
    assert styx(site, "down", "c", "-y").returncode == 0


def test_a_plugin_looks_secrets_up(client: EmbeddedClient, site: Path) -> None:
    """A secret named by where it is kept reaches the job, and no file of the installation."""
    task = "tr a-z A-Z <<< $TOKEN"
    run = styx(site, "launch", "-c", "c", "--secret-ref", "TOKEN=vault:team/key", "--", task)
    assert (run.returncode, run.stdout) == (0, "HUNTER2-LONG\n")
    home = Path(os.environ["STYX_HOME"])
    assert [path for path in home.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()] == []
    unknown = styx(site, "exec", "c", "--secret-ref", "TOKEN=vault:nope", "--", task)
    assert (unknown.returncode, "'vault:nope'" in unknown.stderr, "mover" in unknown.stderr) == (2, True, True)
    assert styx(site, "down", "c", "-y").returncode == 0


def test_files_that_this_machine_cannot_take(client: EmbeddedClient, site: Path, tmp_path: Path) -> None:
    """An absolute path is refused before there is a cluster; what fails on the new one says that it is up."""
    task = tmp_path / "t.yaml"
    task.write_text("run: 'true'\nfile_mounts: {/data/f: /etc/hosts}\n")
    refused = styx(site, "launch", "-c", "c", "--infra", "local", str(task))
    assert (refused.returncode, "'/data/f'" in refused.stderr) == (2, True)
    assert client.status() == []
    failed = styx(site, "launch", "-c", "c", "--infra", "local", "--git-url", str(tmp_path / "gone"), "--", "true")
    assert (failed.returncode, "`styx down c` removes it" in failed.stderr) == (1, True)
    assert [record.state for record in client.status()] == ["up"]
    client.down("c")
