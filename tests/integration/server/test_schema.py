"""The OpenAPI document and the server agree: schemathesis makes up requests from one and finds nothing in the other."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.servers import running

SECONDS = 60
# Under one key there is one answer, whatever is sent; and to wait is to wait. Both are tried by other tests.
LEFT_OUT = {"Idempotency-Key", "wait"}

# What is right in form can still be refused for what it says, which no schema knows: a task that makes no sense, a
# store that is not installed (400), a cloud without credentials (424), a body that is too large (413).
SETTINGS = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "403", "404", "409", "413", "424"]

[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "409", "413", "415", "422", "424", "431"]

[checks.missing_required_header]
expected-statuses = ["400", "401", "413", "422", "431"]

[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "502"]

[[operations]]
include-path-regex = "/v1/orphans/.*"  # read as the record that GET tells, as leniently as records are read
[operations.checks.negative_data_rejection]
enabled = false
"""


@pytest.mark.slow
@pytest.mark.timeout(SECONDS * 5)
@pytest.mark.skipif(importlib.util.find_spec("schemathesis") is None, reason="schemathesis is not installed")
def test_schemathesis_finds_nothing(styx_home: Path, tmp_path: Path) -> None:
    """No answer is a failure, of another form than the document says, or given to who has shown no token."""
    styx_home.mkdir(parents=True)
    (styx_home / "config.yaml").write_text("allowed_clouds: []\n")  # launches are refused soon
    settings = tmp_path / "schemathesis.toml"
    settings.write_text(SETTINGS)
    document = tmp_path / "openapi.json"
    with running(styx_home, user_rate=0.0, address_rate=0.0) as server:
        described = server.ask("GET", "/openapi.json").json
        for operation in (each for methods in described["paths"].values() for each in methods.values()):
            given = operation.get("parameters", ())
            operation["parameters"] = [each for each in given if each["name"] not in LEFT_OUT]
        del described["components"]["schemas"]["JobsIn"]["properties"]["count"]  # thousands of jobs would keep it busy
        document.write_text(json.dumps(described))
        found = subprocess.run(
            [
                Path(sys.executable).with_name("schemathesis"), "--config-file", settings, "run", document,
                "--url", server.url, "--header", f"Authorization: Bearer {server.token}", "--max-time", str(SECONDS),
                "--max-examples", "10", "--request-timeout", "30", "--suppress-health-check", "all",
                "--continue-on-failure", "--no-shrink", "--seed", "1", "--warnings", "off",
            ],
            capture_output=True, text=True, check=False, cwd=tmp_path,
        )  # fmt: skip
        log = (styx_home / "server.log").read_text()
    assert found.returncode == 0, "\n".join(line[:500] for line in found.stdout.splitlines()[-400:])
    assert int(re.findall(r"(\d+) generated", found.stdout)[0]) > 200
    assert [line for line in log.splitlines() if '"traceback"' in line] == []
