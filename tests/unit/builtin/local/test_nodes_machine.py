"""Whatever is done with a node directory, in whatever order, it holds what a table in memory would."""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from styx.api import Conflict, Owner
from styx.builtin.local.nodes import (
    BY_ITSELF,
    BY_USER,
    GONE,
    NEW,
    RUNNING,
    STOPPED,
    STOPPING,
    TERMINATING,
    NodeDirectory,
)

OWNERS = [Owner(installation, "c", attempt) for installation in ("aaaaaa", "bbbbbb") for attempt in ("a001", "b002")]

owners = st.sampled_from(OWNERS)
tokens = st.sampled_from(["one", "two"])
ranks = st.sets(st.integers(0, 11), min_size=1, max_size=3)


class Directories(RuleBasedStateMachine):
    """Two installations below one root, against a dictionary of what should be there."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp()) / "nodes"
        self.views = {name: NodeDirectory(self.root, name) for name in ("aaaaaa", "bbbbbb")}
        self.wanted: dict[tuple[Owner, int], tuple[str, str]] = {}  # -> token, state
        self.now = datetime.now(UTC)

    def teardown(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self.root.parent)

    def view(self, owner: Owner) -> NodeDirectory:
        """The directory as the owner's installation sees it."""
        return self.views[owner.installation]

    @rule(owner=owners, ranks=ranks, token=tokens)
    def create(self, owner: Owner, ranks: set[int], token: str) -> None:
        """A launch makes the missing ranks and is refused where another launch has one."""
        for rank in ranks:
            self.wanted.setdefault((owner, rank), (token, RUNNING))
        conflict = any(self.wanted[owner, rank][0] != token for rank in ranks)
        try:
            self.view(owner).create(owner, ranks, token, self.now)
        except Conflict:
            assert conflict
        else:
            assert not conflict

    @precondition(lambda self: self.wanted)
    @rule(
        data=st.data(),
        state=st.sampled_from([STOPPING, STOPPED, TERMINATING]),
        by=st.sampled_from([BY_USER, BY_ITSELF]),
    )
    def mark(self, data: st.DataObject, state: str, by: str) -> None:
        """A mark changes one node's state."""
        owner, rank = data.draw(st.sampled_from(sorted(self.wanted, key=str)))
        node = next(node for node in self.view(owner).read([owner])[0] if node.rank == rank)
        self.view(owner).mark(node, state, by, self.now)
        self.wanted[owner, rank] = (self.wanted[owner, rank][0], state)

    @precondition(lambda self: self.wanted)
    @rule(data=st.data(), token=tokens)
    def start(self, data: st.DataObject, token: str) -> None:
        """A start makes one node run under another token."""
        owner, rank = data.draw(st.sampled_from(sorted(self.wanted, key=str)))
        node = next(node for node in self.view(owner).read([owner])[0] if node.rank == rank)
        self.view(owner).start(node, token, self.now)
        self.wanted[owner, rank] = (token, RUNNING)

    @rule(owner=owners)
    def remove(self, owner: Owner) -> None:
        """A removal takes one attempt."""
        self.view(owner).remove(owner)
        self.wanted = {key: value for key, value in self.wanted.items() if key[0] != owner}

    @rule(owner=owners, kind=st.sampled_from([NEW, GONE]))
    def leave_rubbish(self, owner: Owner, kind: str) -> None:
        """Somebody was killed."""
        (self.root / f"{kind}{owner.name}.0123" / "0" / "home").mkdir(parents=True, exist_ok=True)

    @rule(owner=owners)
    def sweep(self, owner: Owner) -> None:
        """Sweeping much later leaves no rubbish of this installation."""
        if self.root.exists():
            for path in self.root.iterdir():
                os.utime(path, (0, 0))
            self.view(owner).sweep()
            assert not [
                path for path in self.root.iterdir() if path.name.startswith(".") and owner.installation in path.name
            ]

    @invariant()
    def holds_what_it_should(self) -> None:
        """Each installation sees its own nodes and no others, as they should be."""
        for name, view in self.views.items():
            nodes, unreadable = view.read(None)
            assert not unreadable
            seen = {(node.owner, node.rank): (node.token, node.state) for node in nodes}
            assert len(seen) == len(nodes)
            assert seen == {key: value for key, value in self.wanted.items() if key[0].installation == name}


Directories.TestCase.settings = settings(stateful_step_count=25)
TestDirectories = Directories.TestCase
