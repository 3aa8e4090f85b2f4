"""Several clients at once: processes that launch or remove the same thing in the same moment."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from styx.api import ProviderError
from styx.builtin.local.machine import SCOPE

from .conftest import Machine

# pytest-xdist has a thread of its own in each worker; what is forked here touches none of what it holds.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
CLIENTS = 4
ROUNDS = 8


def at_once(*calls: Callable[[], object]) -> list[str]:
    """Make every call in a process of its own, all let go together; what each returned or raised."""
    gate_out, gate_in = os.pipe()
    children = []
    for call in calls:
        result_out, result_in = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(gate_in)
            os.read(gate_out, 1)  # until the parent closes its end
            try:
                answer = repr(call())
            except ProviderError as error:
                answer = type(error).__name__
            except BaseException as error:  # noqa: BLE001 - a child of pytest must not go on as pytest
                answer = f"BROKEN {error!r}"
            os.write(result_in, answer.encode())
            os._exit(0)
        os.close(result_in)
        children.append((pid, result_out))
    os.close(gate_out)
    os.close(gate_in)
    answers = []
    for pid, result in children:
        with os.fdopen(result) as file:
            answers.append(file.read())
        os.waitpid(pid, 0)
    return answers


def test_the_same_intent_launched_by_several_makes_one_gang(machine: Machine) -> None:
    """Everybody gets the same receipt, every rank is there once, and no rubbish is left."""
    root = machine.cloud.services.state_dir / "nodes"
    for _ in range(ROUNDS):
        prepared = machine.prepare((0, 1, 2))
        answers = at_once(*[lambda p=prepared: machine.cloud.launch(p)] * CLIENTS)  # type: ignore[misc]
        assert set(answers) == {repr(machine.cloud.launch(prepared))}
        seen = machine.cloud.observe(SCOPE, [prepared.owner])
        assert [node.rank for node in seen.nodes] == [0, 1, 2]
        assert {node.token for node in seen.nodes} == {prepared.token}
    assert not [path.name for path in root.iterdir() if path.name.startswith(".")]


def test_two_intents_for_one_name_make_one_gang(machine: Machine) -> None:
    """One wins whole; the other is told that there is a conflict."""
    for _ in range(ROUNDS):
        first = machine.prepare((0, 1))
        second = type(first)(first.owner, first.scope, first.ranks, first.payload, token="another")
        answers = at_once(lambda f=first: machine.cloud.launch(f).token, lambda s=second: machine.cloud.launch(s).token)  # type: ignore[misc]
        nodes = machine.cloud.observe(SCOPE, [first.owner]).nodes
        assert len({node.token for node in nodes}) == 1
        assert sorted(answers) == sorted(["Conflict", repr(nodes[0].token)])


def test_the_same_attempt_removed_by_several_is_gone(machine: Machine) -> None:
    """Everybody succeeds, whoever removes which file."""
    root = machine.cloud.services.state_dir / "nodes"
    for _ in range(ROUNDS):
        prepared = machine.prepare((0, 1))
        machine.cloud.launch(prepared)
        for rank in "01":
            for name in range(30):
                (root / prepared.owner.name / rank / "home" / f"{name}").mkdir()
        answers = at_once(*[lambda p=prepared: machine.cloud.terminate(SCOPE, p.owner, ())] * CLIENTS)  # type: ignore[misc]
        assert answers == ["None"] * CLIENTS
        assert list(root.iterdir()) == []
