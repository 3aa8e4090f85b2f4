"""The files that others run the server with are true of the server."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from shutil import which

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from styx.server.main import cli
from styx.server.observe.metrics import Metrics
from styx.store import Store

DEPLOY = Path(__file__).parents[2] / "deploy"
HISTOGRAM = ("", "_bucket", "_count", "_sum")


def test_the_dashboard_shows_what_there_is(tmp_path: Path) -> None:
    """Every metric that it names is told by the server."""
    with Store.open(home=tmp_path) as store:
        families = list(text_string_to_metric_families(Metrics(store).scrape().decode()))
    names = {family.name + end for family in families for end in (*HISTOGRAM, "_total")}
    panels = json.loads((DEPLOY / "grafana" / "styx.json").read_text())["panels"]
    asked = " ".join(target["expr"] for panel in panels for target in panel["targets"])
    named = set(re.findall(r"\b(?:styx|process)_\w+", asked))
    assert len(named) > 10
    assert named <= names


def in_dockerfile() -> list[str]:
    """The arguments that the image gives the server."""
    (line,) = re.findall(r"^CMD (\[.*\])$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    words: list[str] = json.loads(line)
    return words


def in_unit() -> list[str]:
    """Those that systemd does."""
    (line,) = re.findall(r"^ExecStart=(.*)$", (DEPLOY / "styx-server.service").read_text(), re.MULTILINE)
    return shlex.split(line)[1:]


@pytest.mark.parametrize("arguments", [in_dockerfile(), in_unit()])
def test_the_server_understands_what_it_is_started_with(arguments: list[str]) -> None:
    """Options that it does not know would let it never start."""
    assert cli.make_context("styx-server", arguments).params["tls_own"]


def test_compose() -> None:
    """The server waits for its database, and has no right that it does not need."""
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    server = services["server"]
    assert server["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert (server["read_only"], server["cap_drop"]) == (True, ["ALL"])
    assert "healthcheck" in services["database"]
    secret = "${POSTGRES_PASSWORD:?put it into .env}"
    assert services["database"]["environment"]["POSTGRES_PASSWORD"] == secret
    assert f":{secret}@database/" in server["environment"]["STYX_DATABASE_URL"]


@pytest.mark.skipif(which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_the_unit_is_hardened(tmp_path: Path) -> None:
    """Systemd knows every setting of it, and finds little that an intruder could do; local clusters outlive it."""
    unit = tmp_path / "styx-server.service"
    unit.write_text((DEPLOY / unit.name).read_text().replace("/opt/styx/bin/styx-server", "/bin/true"))
    settings = set(unit.read_text().splitlines())
    assert {"KillMode=process", "ReadWritePaths=/tmp /var/tmp"} <= settings
    assert "PrivateTmp=yes" not in settings  # their sockets would be out of the next server's sight
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert not [line for line in verified.stderr.splitlines() if unit.name in line]
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=25", unit],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert judged.returncode == 0, judged.stdout
