"""Which wrong provider breaks which rule, and the suites that are run on them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest


class Wrong(NamedTuple):
    """One wrong provider and the one test that is meant for it.

    ``litters`` says that it cannot be cleaned up after, which the kit reports when a test is over, besides.
    """

    provider: type[Any]
    test: str
    litters: bool


class Registry(list[Wrong]):
    """The wrong providers of one kind."""

    def breaks(self, test: str, *, litters: bool = False) -> Callable[[type[Any]], type[Any]]:
        """Register a class as breaking the rule of this test and no other."""

        def register(provider: type[Any]) -> type[Any]:
            self.append(Wrong(provider, test, litters))
            return provider

        return register

    def suites(self, base: type[Any]) -> dict[str, type[Any]]:
        """One test class per wrong provider, under its name; with ``STYX_TEST_SHARE=i/n`` the i-th of n shares."""
        share, shares = map(int, os.environ.get("STYX_TEST_SHARE", "0/1").split("/"))
        return {
            f"Test{wrong.provider.__name__}": type(f"Test{wrong.provider.__name__}", (base,), {"kind": wrong.provider})
            for wrong in self[share::shares]
        }


class Recorder:
    """A pytest plugin that writes down how every test ended: ``[suite, test, phase, outcome, text]``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: list[tuple[str, str, str, str, str]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what is needed of one phase of one test."""
        _, suite, test = report.nodeid.split("::")
        self._rows.append((suite, test.split("[")[0], report.when or "", report.outcome, report.longreprtext))

    def pytest_sessionfinish(self) -> None:
        """Write it all down."""
        self._path.write_text(json.dumps(self._rows))


def main(suite: str, report: str) -> int:
    """Run one suite file in this process; its rows go to ``report``. The exit code is pytest's."""
    # Nothing of the project's own configuration: an author has his own, and asyncio's mode is then the strict one.
    options = ["-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(Path(suite).parent), "--noconftest"]
    options += ["--import-mode=importlib", "--tb=line", "-W", "error"]
    # Thousands of small tests: plugins that the kit does not need would take half of the time.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    options += ["-p", "no:logging"]
    if "backends" in suite:
        options += ["-p", "pytest_asyncio.plugin", "-o", "asyncio_default_fixture_loop_scope=function"]
    return int(pytest.main([*options, suite], plugins=[Recorder(Path(report))]))
