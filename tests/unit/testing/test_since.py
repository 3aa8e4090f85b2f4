"""Which version of the contract a provider was written for, and which rules hold for it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from styx.builtin.local.cloud import LocalCloud
from styx.contract import CONTRACT
from styx.testing import CloudConformance
from styx.testing.memory import MemoryCloud
from styx.testing.since import since, since_of, written_for


@pytest.fixture
def oldster(tmp_path: Path) -> Iterator[Any]:
    """A package with a manifest of cloud contract 1.0 and a class deep inside."""
    inner = tmp_path / "styx_oldster" / "deep"
    inner.mkdir(parents=True)
    (tmp_path / "styx_oldster" / "__init__.py").touch()
    (tmp_path / "styx_oldster" / "styx-plugin.toml").write_text('name = "oldster"\n[contract]\ncloud = "1.0"\n')
    (inner / "__init__.py").touch()
    (inner / "cloud.py").write_text("class Old: pass\n")
    sys.path.insert(0, str(tmp_path))
    yield import_module("styx_oldster.deep.cloud").Old
    sys.path.remove(str(tmp_path))
    for name in [name for name in sys.modules if name.startswith("styx_oldster")]:
        del sys.modules[name]


def test_a_provider_is_as_old_as_its_manifest_says(oldster: type[Any]) -> None:
    """The manifest of the package around the class counts, also for classes derived from it elsewhere."""
    assert written_for(oldster, "cloud") == (1, 0)
    assert written_for(type("Mine", (oldster,), {}), "cloud") == (1, 0)
    assert written_for(oldster, "storage") == CONTRACT["storage"]


def test_without_a_manifest_it_is_of_today() -> None:
    """A class of nobody's package is held to every rule; core's own have manifests of their own."""
    assert written_for(MemoryCloud, "cloud") == CONTRACT["cloud"]
    assert written_for(LocalCloud, "cloud") == CONTRACT["cloud"]


def test_rules_know_since_when_they_hold() -> None:
    """A rule is of the version it is marked with, and of every version without."""

    @since(1, 7)
    def rule() -> None:
        """Later."""

    assert since_of(rule) == (1, 7)
    assert since_of(CloudConformance.test_discard_again_succeeds) == (1, 1)
    assert since_of(CloudConformance.test_terminate_again_succeeds) == (0, 0)


def test_no_rule_is_of_a_version_that_is_not_there_yet() -> None:
    """Every mark names a version up to today's."""
    rules = [getattr(CloudConformance, name) for name in dir(CloudConformance) if name.startswith("test_")]
    assert max(map(since_of, rules)) == CONTRACT["cloud"]
