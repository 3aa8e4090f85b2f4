"""Secrets of a task: never shown, given later, or kept elsewhere."""

from __future__ import annotations

import pytest

from styx.api.errors import InvalidTask
from styx.spec import Task


def test_secrets_never_show() -> None:
    """Neither repr nor the mapping for policies has a value of a secret; errors about them do not either."""
    task = Task("t", secrets={"TOKEN": "hunter2"}, run="x")
    for shown in (repr(task), str(task), repr(task.spec), repr(task.to_dict())):
        assert "hunter2" not in shown
    assert task.to_dict()["secrets"] == {"TOKEN": None}
    assert task.spec.secrets == {"TOKEN": "hunter2"}
    for bad in ("hunter2\0", ["hunter2"], {"hunter2": 1}, "hunter2\ud800"):
        with pytest.raises(InvalidTask) as caught:
            Task(secrets={"TOKEN": bad})
        assert "hunter2" not in f"{caught.value} {caught.value.hint} {caught.value.details}"


def test_secrets_without_a_value_are_missing_until_given() -> None:
    """A secret may be named first and get its value later; it can be taken back."""
    task = Task(secrets={"A": None, "B": "b"})
    assert task.missing_secrets() == ["A"]
    assert task.secrets(A="a").missing_secrets() == []
    assert task.secrets(A="a").spec.secrets == {"A": "a", "B": "b"}
    assert task.secrets(B=None).missing_secrets() == ["A", "B"]
    assert task.override({"secrets": {"A": "x"}}).missing_secrets() == []
    assert task.override({"secrets": None}).to_dict() == {}


def test_a_secret_may_refer_to_one_kept_elsewhere() -> None:
    """``{ref: scheme:name}`` is kept as it is written, needs no value, and gives way to one; plain text is a value."""
    task = Task.from_yaml("run: x\nsecrets: {A: {ref: 'vault:team/key'}, B: 'vault:team/key'}")
    assert task.spec.secret_refs == {"A": "vault:team/key"}
    assert task.spec.secrets == {"B": "vault:team/key"}
    assert task.missing_secrets() == []
    assert task.to_dict()["secrets"] == {"A": {"ref": "vault:team/key"}, "B": None}
    given = task.secrets(A="a").spec
    assert (given.secrets["A"], given.secret_refs) == ("a", {})
    named = task.secrets(B={"ref": "file:b"}, A=None).spec
    assert (named.secrets, named.secret_refs, named.missing_secrets) == ({}, {"B": "file:b"}, ("A",))
    assert task.override({"secrets": {"A": {"ref": "file:a"}}}).spec.secret_refs == {"A": "file:a"}
    assert "secrets" not in task.override({"secrets": None}).to_dict()


@pytest.mark.parametrize(
    "reference",
    [
        {},
        {"ref": None},
        {"ref": "hunter2"},
        {"ref": ":hunter2"},
        {"ref": "hunter:"},
        {"ref": 3},
        {"hunter2": 1},
        {"ref": "a:b", "hunter2": 1},
        {"ref": "a:hunter\n2"},
    ],
    ids=str,
)
def test_what_is_no_reference_is_not_shown(reference: dict[str, object]) -> None:
    """A reference has a scheme and a name; what has not may be the secret itself, so no message repeats it."""
    with pytest.raises(InvalidTask, match=r"secrets\.TOKEN: is not a reference") as refused:
        Task(secrets={"TOKEN": reference})
    assert "hunter" not in repr(refused.value.to_wire())
    with pytest.raises(InvalidTask, match="envs"):
        Task(envs={"TOKEN": {"ref": "vault:x"}})


def test_a_list_of_secrets_refers_to_managed_ones() -> None:
    """The list form names secrets that a plugin keeps."""
    task = Task(secrets=["team/token", "secrets:user:A"], managed_secrets=[{"cert": {"mount_path": "/c"}}])
    assert task.spec.extra == {"managed_secrets": [{"cert": {"mount_path": "/c"}}, "team/token", "user:A"]}
    assert task.missing_secrets() == []
    assert Task.from_dict(task.to_dict()) == task


def test_a_name_that_no_variable_can_have_is_of_a_managed_secret() -> None:
    """In a mapping too: with the prefix of managed ones, or a name that no shell could give a value."""
    task = Task(secrets={"secrets:A": None, "user:B": None, "C": None})
    assert task.spec.extra == {"managed_secrets": ["A", "user:B"]}
    assert task.missing_secrets() == ["C"]
    assert Task(secrets={"C": None}).secrets({"secrets:A": None, "user:B": None}) == task
    with pytest.raises(InvalidTask, match="not a variable name"):
        Task(secrets={"secrets:A": "hunter2"})
