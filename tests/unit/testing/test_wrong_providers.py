"""Every deliberately wrong provider fails the one test that is meant for it, and no other.

Each suite runs in processes of its own, all at once, with none of the project's pytest configuration.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from styx.testing import (
    BackendConformance,
    CatalogConformance,
    CloudConformance,
    EngineConformance,
    SandboxConformance,
    StorageConformance,
)

HERE = Path(__file__).parent / "wrong"
# Into how many processes each is parted: clouds have most rules, and backends wait for real processes.
SHARES = {"clouds": 2, "stores": 1, "backends": 4, "engines": 1, "sandboxes": 1, "catalogs": 1}
# Rules that no deviation of the reference by one method breaks alone: without it most others have no ground either.
GROUNDS = {"test_a_job_runs_to_its_end", "test_output_is_delivered_whole", "test_a_new_bucket_is_there_and_empty"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def _wrong(kind: str) -> list[Any]:
    sys.path.insert(0, str(HERE))
    try:
        return list(importlib.import_module(kind).WRONG)
    finally:
        sys.path.remove(str(HERE))


WRONG = {kind: _wrong(kind) for kind in SHARES}
CASES = [pytest.param(kind, wrong, id=f"{kind}-{wrong.provider.__name__}") for kind in WRONG for wrong in WRONG[kind]]


class Failures(NamedTuple):
    """What failed in one suite: tests, with what they said, and cleaning up after tests."""

    tests: dict[str, str]
    clean_up: set[str]


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[tuple[Any, Path]]]]:
    """All suites, started: kind -> (process, where its report will be)."""
    place = tmp_path_factory.mktemp("reports")
    scratch = tempfile.mkdtemp(prefix="styx-wrong-")  # thousands of small tests with a directory each
    started: dict[str, list[tuple[Any, Path]]] = defaultdict(list)
    for kind, shares in SHARES.items():
        for share in range(shares):
            report = place / f"{kind}-{share}.json"
            command = [sys.executable, str(HERE / "run.py"), str(HERE / f"suite_{kind}.py"), str(report)]
            process = subprocess.Popen(
                command, env=os.environ | {"STYX_TEST_SHARE": f"{share}/{shares}", "TMPDIR": scratch},
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
            started[kind].append((process, report))
    yield started
    for process, _ in (each for kind in started.values() for each in kind):
        if process.returncode is None:
            process.kill()
            process.communicate()
    shutil.rmtree(scratch, ignore_errors=True)


@pytest.fixture(scope="module")
def outcomes(processes: dict[str, list[tuple[Any, Path]]]) -> Any:
    """Gives what failed of one kind, by suite, once its processes have ended."""
    known: dict[str, dict[str, Failures]] = {}

    def outcome(kind: str) -> dict[str, Failures]:
        if kind not in known:
            found: dict[str, Failures] = defaultdict(lambda: Failures({}, set()))
            for process, report in processes[kind]:
                said = process.communicate()[0]
                assert process.returncode == 1, f"pytest ended with {process.returncode}:\n{said[-2000:]}"
                for suite, test, phase, result, text in json.loads(report.read_text()):
                    failures = found[suite]
                    if result == "failed" and phase == "teardown":
                        failures.clean_up.add(test)
                    elif result == "failed":
                        failures.tests[test] = text
            known[kind] = found
        return known[kind]

    return outcome


@pytest.mark.parametrize(("kind", "wrong"), CASES)
def test_a_wrong_provider_fails_its_own_test(kind: str, wrong: Any, outcomes: Any) -> None:
    """Exactly the rule that a provider breaks is reported, with what was wrong."""
    failed = outcomes(kind)[f"Test{wrong.provider.__name__}"]
    assert set(failed.tests) == {wrong.test}, "\n".join(failed.tests.values())
    assert failed.tests[wrong.test].strip()
    assert wrong.litters or not failed.clean_up


SUITES = {
    "clouds": CloudConformance,
    "stores": StorageConformance,
    "backends": BackendConformance,
    "engines": EngineConformance,
    "sandboxes": SandboxConformance,
    "catalogs": CatalogConformance,
}


@pytest.mark.parametrize(("kind", "suite"), SUITES.items())
def test_wrong_providers_are_meant_for_tests_that_exist(kind: str, suite: type[Any]) -> None:
    """No wrong provider names a test that has been renamed, and no two of a kind the same one."""
    meant = [wrong.test for wrong in WRONG[kind]]
    assert set(meant) <= set(dir(suite))
    assert len(set(meant)) == len(meant)


@pytest.mark.parametrize(("kind", "suite"), [each for each in SUITES.items() if each[0] != "backends"])
def test_every_rule_has_a_wrong_provider(kind: str, suite: type[Any]) -> None:
    """There is no test in these suites that nothing has been seen to fail."""
    rules = {name for name in dir(suite) if name.startswith("test_")}
    assert rules - {wrong.test for wrong in WRONG[kind]} <= GROUNDS
