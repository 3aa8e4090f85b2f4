"""A small event loop for coroutines: tasks, timers, file descriptors.

Importing asyncio costs an agent 27 ms of CPU and 8 MiB; a hundred nodes that start at once on one machine pay that a
hundred times. There is one loop a process. Tasks are only ever interrupted where they await.
"""

from __future__ import annotations

import heapq
import select
import time
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Coroutine, Generator, Iterable

READ = select.EPOLLIN
WRITE = select.EPOLLOUT


class Cancelled(BaseException):
    """Raised inside a task that has been cancelled, where it awaits."""


class Task:
    """A running coroutine. ``error`` is what it ended with, if it did not return. The rest is the loop's own."""

    __slots__ = ("cancelled", "coroutine", "done", "ended", "error", "heard", "parked", "result", "serial")

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.coroutine = coroutine
        self.parked = False
        self.cancelled = False
        self.serial = 0
        self.done = False
        self.heard = False  # whether somebody waits for what it ends with, and need not be told elsewhere
        self.result: Any = None
        self.error: BaseException | None = None
        self.ended = Signal()

    def wake(self) -> None:
        """Let the task go on if it is parked; does nothing otherwise."""
        if self.parked:
            self.parked = False
            _loop.ready.append((self, True))

    def cancel(self) -> None:
        """Raise Cancelled in the task where it awaits, or first will; does nothing once it is done."""
        if not self.done:
            self.cancelled = True
            self.wake()

    async def settled(self) -> None:
        """Wait for the end, whatever it is."""
        while not self.done:
            await self.ended.wait()

    async def join(self) -> Any:
        """Wait for the end; return the result or raise the error."""
        await self.settled()
        if self.error is not None:
            raise self.error
        return self.result


class Signal:
    """Tasks wait for it; :meth:`notify` wakes all that wait now. Waiters test their condition again."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: set[Task] = set()

    def notify(self) -> None:
        """Wake every task that waits."""
        waiting, self._waiting = self._waiting, set()
        for task in waiting:
            task.wake()

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait for the next notify; False when ``timeout`` seconds passed first."""
        task = _loop.current
        self._waiting.add(task)
        try:
            return await _Park(timeout)
        finally:
            self._waiting.discard(task)


class _Park:
    """Leaves the running task until it is woken (True) or the time is up (False)."""

    __slots__ = ("timeout",)

    def __init__(self, timeout: float | None) -> None:
        self.timeout = timeout

    def __await__(self) -> Generator[float | None, bool, bool]:
        return (yield self.timeout)


class _Loop:
    def __init__(self) -> None:
        self.epoll = select.epoll()
        self.ready: deque[tuple[Task, bool]] = deque()
        self.timers: list[tuple[float, int, int, Task]] = []
        self.waiting: dict[int, dict[int, Task]] = {}  # descriptor -> READ or WRITE -> who waits
        self.current: Task
        self.count = 0
        self.on_error: Callable[[BaseException], None] | None = None

    def step(self, task: Task, woken: bool) -> None:
        self.current = task
        try:
            if task.cancelled and task.serial:  # one that has not begun yet has nothing to clean up with
                task.cancelled = False
                timeout = task.coroutine.throw(Cancelled())
            else:
                timeout = task.coroutine.send(woken if task.serial else None)
        except StopIteration as stop:
            task.result = stop.value
        except Cancelled as error:
            task.error = error
        except Exception as error:  # noqa: BLE001  # the daemon's outermost loop: one task's fault ends that task alone
            task.error = error
            if self.on_error is not None and not task.heard:
                self.on_error(error)
        else:
            task.serial += 1
            task.parked = True
            if task.cancelled:  # it was cancelled while it ran
                task.wake()
            elif timeout is not None:
                self.count += 1
                heapq.heappush(self.timers, (time.monotonic() + timeout, self.count, task.serial, task))
            return
        task.done = True
        task.ended.notify()

    def turn(self, main: Task) -> None:
        """Run what is ready, then, unless that was the end of ``main``, wait for the next thing to happen."""
        for _ in range(len(self.ready)):
            self.step(*self.ready.popleft())
        if main.done:
            return
        timeout = -1.0
        if self.ready:
            timeout = 0.0
        elif self.timers:
            timeout = max(0.0, self.timers[0][0] - time.monotonic())
        for descriptor, events in self.epoll.poll(timeout):
            for direction, task in list(self.waiting.get(descriptor, {}).items()):
                if events & (direction | select.EPOLLHUP | select.EPOLLERR):
                    task.wake()
        now = time.monotonic()
        while self.timers and self.timers[0][0] <= now:
            _, _, serial, task = heapq.heappop(self.timers)
            if task.parked and task.serial == serial:
                task.parked = False
                self.ready.append((task, False))

    def watch(self, descriptor: int, direction: int) -> None:
        directions = self.waiting.setdefault(descriptor, {})
        if direction in directions:
            raise RuntimeError(f"two tasks wait for descriptor {descriptor}")
        directions[direction] = self.current
        if len(directions) == 1:
            self.epoll.register(descriptor, direction)
        else:
            self.epoll.modify(descriptor, READ | WRITE)

    def unwatch(self, descriptor: int, direction: int) -> None:
        directions = self.waiting[descriptor]
        del directions[direction]
        if directions:
            self.epoll.modify(descriptor, next(iter(directions)))
            return
        del self.waiting[descriptor]
        self.epoll.unregister(descriptor)


_loop = _Loop()


def run(main: Coroutine[Any, Any, Any], on_error: Callable[[BaseException], None] | None = None) -> Any:
    """Run ``main`` and everything it spawns until ``main`` ends; return its result or raise its error.

    ``on_error`` is told of every exception that ends a task. Starts afresh in a forked child.
    """
    global _loop  # noqa: PLW0603  # one loop a process, and a fork must not share its parent's epoll
    _loop = _Loop()
    _loop.on_error = on_error
    task = spawn(main)
    while not task.done:
        _loop.turn(task)
    _loop.epoll.close()
    if task.error is not None:
        raise task.error
    return task.result


def spawn(coroutine: Coroutine[Any, Any, Any]) -> Task:
    """Start a task; it first runs on the loop's next turn."""
    task = Task(coroutine)
    _loop.ready.append((task, True))
    return task


async def gather(coroutines: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Run all at once and return their results in order; the first error in that order ends the others."""
    tasks = [spawn(coroutine) for coroutine in coroutines]
    for task in tasks:
        task.heard = True
    try:
        return [await task.join() for task in tasks]
    finally:
        for task in tasks:
            task.cancel()


async def sleep(seconds: float) -> None:
    """Let this many seconds pass."""
    await _Park(seconds)


async def ready(descriptor: int, direction: int, timeout: float | None = None) -> bool:
    """Wait until the descriptor can be read (READ) or written (WRITE); False when the time is up."""
    _loop.watch(descriptor, direction)
    try:
        return await _Park(timeout)
    finally:
        _loop.unwatch(descriptor, direction)
