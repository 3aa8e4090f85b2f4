"""Local nodes with real processes on them."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from styx.api import Boot, LaunchRequest, Node, NotYet, OfferQuery, Owner, Prepared, new_attempt_id
from styx.builtin.local.cloud import LocalCloud
from styx.builtin.local.machine import SCOPE
from styx.testing import FakeClock, services
from styx.transports.process import scrubbed_environment

LOOP = "while :; do sleep 0.01; done"
SLEEP = "exec sleep 60"
PATIENCE = 20.0  # real seconds for something that takes milliseconds


class Machine:
    """A local cloud on a clock that is moved by hand, and what runs on its nodes."""

    def __init__(self, home: Path) -> None:
        self.clock = FakeClock()
        self.cloud = LocalCloud(services(home, clock=self.clock))
        self._started: list[subprocess.Popen[bytes]] = []

    def prepare(self, ranks: tuple[int, ...] = (0,)) -> Prepared:
        """An intent that has not been launched."""
        (offer,) = self.cloud.offers(OfferQuery())
        owner = Owner(self.cloud.services.installation, "train", new_attempt_id())
        return self.cloud.prepare(LaunchRequest(owner, offer, ranks, Boot("ssh-ed25519 AAAA")))

    def nodes(self, ranks: tuple[int, ...] = (0,)) -> list[Node]:
        """New running nodes."""
        prepared = self.prepare(ranks)
        self.cloud.launch(prepared)
        return list(self.cloud.observe(SCOPE, [prepared.owner]).nodes)

    def state(self, node: Node) -> str | None:
        """The node's state now, None when it is gone."""
        seen = self.cloud.observe(SCOPE, [node.owner]).nodes
        return next((str(one.state) for one in seen if one.id == node.id), None)

    def start(self, node: Node, script: str, *, first: str = ":") -> subprocess.Popen[bytes]:
        """Run a script on the node as its transport would; ``first`` has been done when this returns."""
        assert node.endpoint is not None
        home, name = node.endpoint.options["home"], node.endpoint.options["node"]
        process = subprocess.Popen(
            ["/bin/sh", "-c", f"{first}; echo; {script}"], cwd=home, env=scrubbed_environment(home, name),
            stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        self._started.append(process)
        return process

    def insist(self, call: Callable[[], object], waits: int = 500) -> int:
        """Call until the answer is no longer NotYet, the clock going on meanwhile; how often it was."""
        for count in range(waits):
            try:
                call()
            except NotYet as answer:
                select.select([], [], [], answer.after)
                self.clock.advance(answer.after)
            else:
                return count
        raise AssertionError("never had enough")

    def clean_up(self) -> None:
        """End what is left."""
        for process in self._started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE)
            assert process.stdout is not None
            process.stdout.close()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """This machine, without any node yet."""
    machine = Machine(tmp_path)
    yield machine
    machine.clean_up()


@pytest.fixture
def ended() -> Callable[[int], bool]:
    """Whether a process (of anybody's) ends within our patience."""

    def wait(pid: int) -> bool:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return True
        try:
            return bool(select.select([handle], [], [], PATIENCE)[0])
        finally:
            os.close(handle)

    return wait
