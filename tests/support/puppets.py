"""Clients that take one step at a time, when they are told to: what two of them do side by side is then no accident."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from dataclasses import replace
from typing import Any

from styx.engine.engine import Engine
from styx.store.holder import current
from styx.store.records import Holder
from support.world import Killed, Life, World

PATIENCE = 60.0  # real seconds in which a client must come to its next step


class Gate(Life):
    """Stops a client before each step until it is let go on, or dies there."""

    def __init__(self) -> None:
        super().__init__()
        self._turns = threading.Condition()
        self._tokens = 0
        self.waiting = False
        self.dead = False

    @property
    def over(self) -> bool:
        """Whether the client was killed."""
        return self.dead

    def step(self, name: str) -> None:
        """Wait here for leave to take this step."""
        with self._turns:
            self.waiting = True
            self._turns.notify_all()
            while not self._tokens and not self.dead:
                self._turns.wait()
            self.waiting = False
            if self.dead:
                raise Killed(name)
            self._tokens -= 1
            self.steps.append(name)

    def let_go(self) -> None:
        """Give leave for one step."""
        with self._turns:
            self._tokens += 1
            self.waiting = False
            self._turns.notify_all()

    def kill(self) -> None:
        """No step is taken ever again."""
        with self._turns:
            self.dead = True
            self._turns.notify_all()

    def wait_for_stop(self, done: Callable[[], bool]) -> None:
        """Return once the client waits before a step, or ``done``."""
        with self._turns:
            if not self._turns.wait_for(lambda: done() or (self.waiting and not self._tokens), PATIENCE):
                raise AssertionError(f"a client hangs after {self.steps[-5:]}")

    def wake(self) -> None:
        """Let whoever waits for a stop look again."""
        with self._turns:
            self._turns.notify_all()


class Puppet:
    """One client, in a thread of its own."""

    def __init__(self, world: World) -> None:
        self.gate = Gate()
        self.engine = world.engine(self.gate, _alive)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.work: Future[Any] | None = None

    @property
    def busy(self) -> bool:
        """Whether it has something to do."""
        return self.work is not None and not self.work.done()

    def begin(self, work: Callable[[Engine], Coroutine[Any, Any, object]]) -> None:
        """Give it something to do; it stops before the first step."""
        self.work = asyncio.run_coroutine_threadsafe(work(self.engine), self.loop)
        self.work.add_done_callback(lambda _: self.gate.wake())
        self._settle()

    def step(self) -> None:
        """Let it take one step and come to the next, or to its end."""
        if self.busy:
            self.gate.let_go()
            self._settle()

    def finish(self, steps: int = 5000) -> None:
        """Let it come to its end."""
        while self.busy and steps:
            self.step()
            steps -= 1
        assert not self.busy, f"a client never ends: {self.gate.steps[-5:]}"

    def kill(self) -> None:
        """End it where it is, as ``kill -9`` does."""
        self.gate.kill()
        if self.work is not None:
            wait([self.work], PATIENCE)
        asyncio.run_coroutine_threadsafe(_cancel_the_rest(), self.loop).result(PATIENCE)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(PATIENCE)
        self.loop.close()

    def outcome(self) -> BaseException | None:
        """What its last work failed with."""
        assert self.work is not None
        return self.work.exception()

    def _settle(self) -> None:
        work = self.work
        assert work is not None
        self.gate.wait_for_stop(work.done)


async def _cancel_the_rest() -> None:
    """What a dead client was doing besides."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


def _alive() -> Holder:
    """This process; a claim of it holds until its time is over."""
    return replace(current())
