"""Local nodes on disk: made and removed as a whole, read as they are."""

from __future__ import annotations

import os
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from styx.api import Conflict, Owner
from styx.builtin.local.nodes import (
    BY_ITSELF,
    BY_USER,
    GONE,
    NEW,
    RUNNING,
    STOPPED,
    STOPPING,
    LocalNode,
    NodeDirectory,
)  # fmt: skip

NOW = datetime(2030, 1, 1, tzinfo=UTC)
OTHER = Owner("other1", "train", "a001")


def only(directory: NodeDirectory, owner: Owner) -> LocalNode:
    """The one node of an attempt."""
    (node,), unreadable = directory.read([owner])
    assert not unreadable
    return node


def age(directory: NodeDirectory) -> None:
    """Let everything below the root have been there for a day."""
    long_ago = time.time() - 86400
    for path in directory.root.iterdir():
        os.utime(path, (long_ago, long_ago))


def test_a_root_that_does_not_exist_holds_nothing(directory: NodeDirectory, owner: Owner) -> None:
    """Before the first launch there is no directory, and that is no error."""
    assert directory.read(None) == ([], [])
    assert directory.read([owner]) == ([], [])
    directory.remove(owner)
    directory.sweep()
    assert not directory.root.exists()


def test_created_nodes_run_and_have_homes(directory: NodeDirectory, owner: Owner) -> None:
    """Every rank is a running node with an empty home that only its user can enter."""
    directory.create(owner, (0, 1, 10), "token", NOW)
    nodes, _ = directory.read([owner])
    assert [(node.rank, node.state, node.token) for node in nodes] == [(r, RUNNING, "token") for r in (0, 1, 10)]
    assert [node.home.stat().st_mode & 0o777 for node in nodes] == [0o700] * 3
    assert [list(node.home.iterdir()) for node in nodes] == [[]] * 3


def test_creating_again_changes_nothing(directory: NodeDirectory, owner: Owner) -> None:
    """A replay finds the nodes of the first call, and what they have written since."""
    directory.create(owner, (0,), "token", NOW)
    (only(directory, owner).home / "kept").touch()
    directory.create(owner, (0,), "token", NOW)
    assert [path.name for path in only(directory, owner).home.iterdir()] == ["kept"]
    assert [path.name for path in directory.root.iterdir()] == [owner.name]


def test_missing_ranks_are_added(directory: NodeDirectory, owner: Owner) -> None:
    """A launch of further ranks of the same attempt leaves those that are there alone."""
    directory.create(owner, (0,), "first", NOW)
    directory.create(owner, (1, 2), "second", NOW)
    assert [(node.rank, node.token) for node in directory.read([owner])[0]] == [
        (0, "first"), (1, "second"), (2, "second"),
    ]  # fmt: skip


def test_another_launchs_nodes_are_a_conflict(directory: NodeDirectory, owner: Owner) -> None:
    """Two intents for one rank: the second is told, and the first keeps its node."""
    directory.create(owner, (0,), "first", NOW)
    with pytest.raises(Conflict):
        directory.create(owner, (0,), "second", NOW)
    assert only(directory, owner).token == "first"


def test_a_mark_says_state_cause_and_time(directory: NodeDirectory, owner: Owner) -> None:
    """What is marked is read back, to the millisecond."""
    directory.create(owner, (0,), "token", NOW)
    directory.mark(only(directory, owner), STOPPING, BY_USER, NOW + timedelta(milliseconds=250))
    node = only(directory, owner)
    assert (node.state, node.cause, node.since) == (STOPPING, BY_USER, NOW + timedelta(milliseconds=250))


def test_a_start_clears_the_mark_and_changes_the_token(directory: NodeDirectory, owner: Owner) -> None:
    """A started node runs and tells the token of its start."""
    directory.create(owner, (0,), "token", NOW)
    directory.mark(only(directory, owner), STOPPED, BY_ITSELF, NOW)
    for _ in range(2):
        directory.start(only(directory, owner), "start", NOW)
        assert (only(directory, owner).state, only(directory, owner).token) == (RUNNING, "start")


def test_removal_takes_everything(directory: NodeDirectory, owner: Owner) -> None:
    """Nothing of the attempt is left, homes and their contents included, and doing it again is no error."""
    directory.create(owner, (0, 1), "token", NOW)
    (directory.root / owner.name / "0" / "home" / "deep" / "er").mkdir(parents=True)
    for _ in range(2):
        directory.remove(owner)
        assert list(directory.root.iterdir()) == []


def test_removal_finishes_what_was_interrupted(directory: NodeDirectory, owner: Owner) -> None:
    """Drafts and half-removed directories of the attempt go too; those of another attempt stay."""
    directory.root.mkdir()
    neighbour = Owner("abc123", "train", "b002")
    for name in (f"{NEW}{owner.name}.11", f"{GONE}{owner.name}.22", f"{GONE}{neighbour.name}.33"):
        (directory.root / name / "0").mkdir(parents=True)
    directory.remove(owner)
    assert [path.name for path in directory.root.iterdir()] == [f"{GONE}{neighbour.name}.33"]


def test_links_in_a_home_are_removed_and_not_followed(directory: NodeDirectory, owner: Owner, tmp_path: Path) -> None:
    """What a link in a home points to is not the node's."""
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o500)
    directory.create(owner, (0,), "token", NOW)
    home = only(directory, owner).home
    (home / "link").symlink_to(outside)
    (home / "closed").mkdir(mode=0o500)
    directory.remove(owner)
    assert outside.stat().st_mode & 0o777 == 0o500


def test_sweeping_spares_the_young(directory: NodeDirectory, owner: Owner) -> None:
    """A draft may still be in somebody's hands until it is old; what was being removed may go at once."""
    directory.root.mkdir()
    draft, gone = directory.root / f"{NEW}{owner.name}.11", directory.root / f"{GONE}{owner.name}.22"
    draft.mkdir()
    (gone / "0").mkdir(parents=True)
    directory.sweep()
    assert [path.name for path in directory.root.iterdir()] == [draft.name]
    age(directory)
    directory.sweep()
    assert list(directory.root.iterdir()) == []


def test_another_installations_things_are_let_alone(directory: NodeDirectory, owner: Owner) -> None:
    """Another installation below the same root is neither seen nor swept nor removed."""
    theirs = NodeDirectory(directory.root, OTHER.installation)
    theirs.create(OTHER, (0,), "token", NOW)
    directory.create(owner, (0,), "token", NOW)
    (directory.root / f"{GONE}{OTHER.name}.1").mkdir()
    (directory.root / f"{NEW}{OTHER.name}.2").mkdir()
    age(directory)
    directory.sweep()
    with pytest.raises(Conflict):
        directory.remove(OTHER)
    assert [node.owner for node in directory.read(None)[0]] == [owner]
    assert directory.read([OTHER]) == ([], [])
    assert len(theirs.read(None)[0]) == 1
    assert len(list(directory.root.iterdir())) == 4


@pytest.mark.parametrize("name", ["hello", "styx-", "styx-abc123-train-a001-0", ".gone-nonsense", ".new-", "styx-x"])
def test_strange_names_are_let_alone(directory: NodeDirectory, owner: Owner, name: str) -> None:
    """What is not named as ours is not ours."""
    directory.create(owner, (0,), "token", NOW)
    (directory.root / name).mkdir()
    age(directory)
    directory.sweep()
    assert [node.owner for node in directory.read(None)[0]] == [owner]
    assert (directory.root / name).exists()


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("node.json", None), ("node.json", ""), ("node.json", "[]"), ("node.json", '"text"'), ("node.json", "{}"),
        ("node.json", "\xff"), ("state", ""), ("state", "gone user 1"), ("state", "stopped user soon"),
        ("state", "stopped"), ("state", "stopped user 1e999"),
    ],
)  # fmt: skip
def test_damaged_nodes_are_named_not_dropped(
    directory: NodeDirectory, owner: Owner, file: str, text: str | None
) -> None:
    """A node that cannot be read is neither gone nor running: its path is told."""
    directory.create(owner, (0, 1), "token", NOW)
    damaged = directory.root / owner.name / "1"
    if text is None:
        (damaged / file).unlink()
    else:
        (damaged / file).write_bytes(text.encode("latin-1"))
    nodes, unreadable = directory.read([owner])
    assert [node.rank for node in nodes] == [0]
    assert unreadable == [str(damaged)]
    directory.remove(owner)
    assert directory.read([owner]) == ([], [])


@pytest.mark.root
@pytest.mark.parametrize("closed", ["", "0"])
def test_what_we_may_not_enter_is_named_not_dropped(owner: Owner, closed: str) -> None:
    """A directory that another user has closed hides its nodes; it is no proof that there are none."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to become somebody else")
    with tempfile.TemporaryDirectory() as place:
        directory = NodeDirectory(Path(place), owner.installation)
        directory.create(owner, (0,), "token", NOW)
        hidden = directory.root / owner.name / closed
        directory.root.chmod(0o755)
        (directory.root / owner.name).chmod(0o755)
        hidden.chmod(0o700)
        os.seteuid(65534)
        try:
            seen = [directory.read(None), directory.read([owner])]
        finally:
            os.seteuid(0)
        assert seen == [([], [str(hidden)])] * 2
