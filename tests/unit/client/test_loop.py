"""An event loop for callers that have none."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future

import pytest

from styx.client.loop import LoopThread


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    """A loop in its thread, closed at the end."""
    made = LoopThread()
    yield made
    made.close()


def test_results_and_errors_come_back(loop: LoopThread) -> None:
    """What the coroutine returns or raises is the caller's."""

    async def good() -> str:
        return threading.current_thread().name

    async def bad() -> None:
        raise KeyError("x")

    assert loop.run(good()) == "styx-engine"
    with pytest.raises(KeyError):
        loop.run(bad())


def test_several_threads_at_once(loop: LoopThread) -> None:
    """Calls from several threads run side by side in the one loop."""
    meeting = asyncio.Barrier(3)

    async def meet() -> None:
        async with asyncio.timeout(5):
            await meeting.wait()

    threads = [threading.Thread(target=loop.run, args=(meet(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()


def test_an_interrupt_cancels_and_waits(loop: LoopThread) -> None:
    """Ctrl-C cancels the coroutine, lets it put things in order, and only then reaches the caller."""
    order = []
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it

    async def work() -> None:
        threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGINT)).start()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            order.append("tidied")

    try:
        with pytest.raises(KeyboardInterrupt):
            loop.run(work())
    finally:
        signal.signal(signal.SIGINT, before)
    assert order == ["tidied"]


def test_an_interrupt_before_the_first_step(loop: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C that comes before the loop has got round to the coroutine ends the call too."""
    free = threading.Event()
    loop._loop.call_soon_threadsafe(free.wait, 5)

    class Interrupted(Future):  # type: ignore[type-arg]
        def result(self, timeout: float | None = None) -> object:
            raise KeyboardInterrupt

        def exception(self, timeout: float | None = None) -> BaseException | None:
            free.set()
            return super().exception(5)

    monkeypatch.setattr("styx.client.loop.Future", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        loop.run(asyncio.sleep(60))
    monkeypatch.undo()


class TestIterate:
    """Asynchronous iterators, for a plain for loop."""

    def test_all_items_then_the_end(self, loop: LoopThread) -> None:
        """Items come in order, also more than are fetched ahead."""

        async def count() -> AsyncIterator[int]:
            for number in range(100):
                yield number

        assert list(loop.iterate(count())) == list(range(100))

    def test_an_error_comes_after_what_came_before_it(self, loop: LoopThread) -> None:
        """What was delivered before the source failed is seen first, and the error is the source's own."""

        async def failing() -> AsyncIterator[int]:
            yield 1
            yield 2
            raise LookupError("broken")

        items = loop.iterate(failing())
        assert (next(items), next(items)) == (1, 2)
        with pytest.raises(LookupError, match="broken"):
            next(items)

    def test_the_source_lives_in_one_task(self, loop: LoopThread) -> None:
        """A timeout around a yield works, which it does only if one task runs the source throughout."""

        async def guarded() -> AsyncIterator[int]:
            async with asyncio.timeout(60), asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(0))
                for number in range(40):
                    yield number

        assert len(list(loop.iterate(guarded()))) == 40

    def test_leaving_early_closes_the_source(self, loop: LoopThread) -> None:
        """A consumer that stops is noticed at once, and the source tidies up before the call returns."""
        closed = []

        async def endless() -> AsyncIterator[int]:
            try:
                number = 0
                while True:
                    number += 1
                    yield number
            finally:
                closed.append(True)

        items = loop.iterate(endless())
        assert next(items) == 1
        items.close()
        assert closed == [True]

    def test_a_source_that_waits(self, loop: LoopThread) -> None:
        """Leaving while the source has nothing to give does not wait for it."""

        async def silent() -> AsyncIterator[int]:
            yield 1
            await asyncio.Event().wait()

        items = loop.iterate(silent())
        assert next(items) == 1
        items.close()


def test_closing_ends_what_still_runs() -> None:
    """Tasks that were left in the loop are cancelled, not thrown away."""
    loop, ended = LoopThread(), []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def leave() -> None:
        leave.task = asyncio.ensure_future(forever())  # type: ignore[attr-defined]
        await asyncio.sleep(0)

    loop.run(leave())
    loop.close()
    assert ended == [True]


def test_closing_ends_what_the_cancelled_begin() -> None:
    """A task that a cancelled one leaves to tidy up is not thrown away either."""
    loop, left = LoopThread(), []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            left.append(asyncio.ensure_future(asyncio.Event().wait()))

    async def leave() -> None:
        left.append(asyncio.ensure_future(forever()))
        await asyncio.sleep(0)

    loop.run(leave())
    loop.close()
    assert len(left) == 2
    assert all(task.done() for task in left)
