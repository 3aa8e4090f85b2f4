"""What the contract promises is on record, and does not change without its version."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from abc import abstractmethod
from pathlib import Path
from typing import Any

import pytest

import styx.api
from styx.api import CONTRACT, Cloud, Node, QuotaExceeded

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "contract.py"


def _load() -> Any:
    spec = importlib.util.spec_from_file_location("contract_script", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and named tuples look themselves up there
    spec.loader.exec_module(module)
    return module


contract = _load()


def later(old: Any, *, minor: bool = True) -> Any:
    """The surface of today under the next minor version, or the next major one."""
    major, last = old.version
    return contract.surface(old.kind)._replace(version=(major, last + 1) if minor else (major + 1, 0))


@pytest.mark.parametrize("kind", list(CONTRACT))
def test_the_contract_is_what_is_on_record(kind: str) -> None:
    """Whoever changes a name, a field, a signature or an error raises the version, and takes it down again."""
    old, new = contract.recorded(kind), contract.surface(kind)
    assert contract.objection(old, new) == ""
    assert old == new, "run `python scripts/contract.py`"


def test_all_that_is_public_is_on_record() -> None:
    """Every name of ``styx.api`` is in the record of a kind, but for the versions themselves and two aliases."""
    recorded = {line for kind in CONTRACT for line in contract.recorded(kind).lines}
    heads = {line.replace("(", ".").replace(":", ".").replace(" ", ".").partition(".")[0] for line in recorded}
    assert set(styx.api.__all__) - heads == {"CONTRACT", "ErrorMap", "Moved", "Wire"}


def test_a_method_that_changes_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another signature under the same version is refused, and the message shows both."""

    def observe(self: Cloud, scope: str) -> None:
        """Something else."""

    old = contract.surface("cloud")
    monkeypatch.setattr(Cloud, "observe", observe)
    said = contract.objection(old, contract.surface("cloud"))
    assert "raise its version" in said
    assert "- Cloud.observe(self, scope: Scope, owners: Collection[Owner] | None) -> Observation" in said
    assert "+ Cloud.observe(self: Cloud, scope: str) -> None" in said
    assert "no minor version may" in contract.objection(old, later(old))
    assert contract.objection(old, later(old, minor=False)) == ""


def test_an_error_that_changes_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit codes and fields of errors belong to the contract, of every kind."""
    old = {kind: contract.surface(kind) for kind in ("cloud", "storage")}
    monkeypatch.setattr(QuotaExceeded, "exit_code", 1)
    for kind, was in old.items():
        assert "+ QuotaExceeded.exit_code = 1" in contract.objection(was, contract.surface(kind))


def test_a_minor_version_may_add(monkeypatch: pytest.MonkeyPatch) -> None:
    """A method that need not be there, and an optional field at the end, are additions."""
    old = contract.surface("cloud")

    def drain(self: Cloud) -> None:
        """New, and optional."""

    monkeypatch.setattr(Cloud, "drain", drain, raising=False)
    grown = contract.surface("cloud")
    assert "Cloud.drain(self: Cloud) -> None" in grown.lines
    assert "raise its version" in contract.objection(old, grown)
    assert contract.objection(old, later(old)) == ""
    trait = "Traits.humour: bool = False  [field 12]"
    assert contract.objection(old, later(old)._replace(lines=(*old.lines, trait))) == ""


def test_a_minor_version_may_not_ask_for_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new abstract method, or a new field without a default, would break what was written before."""
    old = contract.surface("cloud")

    def drain(self: Cloud) -> None:
        """New, and not optional."""

    monkeypatch.setattr(Cloud, "drain", abstractmethod(drain), raising=False)
    assert "asks for more" in contract.objection(old, later(old))
    assert contract._asks_more("Node.mood: str  [field 16]", old)
    assert not contract._asks_more("Node.mood: str = ''  [field 16]", old)
    assert not contract._asks_more("Mood.colour: str  [field 1]", old)


def test_the_order_of_fields_counts() -> None:
    """Fields may be given by position, so each is on record with its place."""
    lines = contract.surface("cloud").lines
    first = next(line for line in lines if line.startswith("Node.id"))
    assert first == "Node.id: str  [field 1]"
    assert f"[field {len(dataclasses.fields(Node))}]" in next(x for x in lines if x.startswith("Node.zone"))


def test_a_version_in_the_making_may_change() -> None:
    """As long as nobody has it, a version's surface is rewritten when asked for."""
    old = contract.surface("cloud")
    new = old._replace(lines=old.lines[1:])
    assert contract.objection(old, new)
    assert contract.objection(old, new, unreleased=True) == ""
    assert contract.objection(old._replace(version=(0, 9)), new, unreleased=True) == ""
