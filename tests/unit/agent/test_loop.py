"""The agent's own event loop."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from styx.agent import loop


def test_the_result_and_the_error_of_main() -> None:
    """Run returns what main returns and raises what it raises."""

    async def good() -> int:
        await loop.sleep(0)
        return 5

    async def bad() -> None:
        await loop.sleep(0)
        raise ValueError("no")

    async def bad_at_once() -> None:
        raise ValueError("at once")

    assert loop.run(good()) == 5
    with pytest.raises(ValueError, match="no"):
        loop.run(bad())
    with pytest.raises(ValueError, match="at once"):
        loop.run(bad_at_once())


def test_run_ends_though_others_go_on() -> None:
    """Tasks that main has spawned do not keep the loop from ending with main."""

    async def forever() -> None:
        await loop.Signal().wait()

    async def main() -> str:
        loop.spawn(forever())
        await loop.sleep(0)
        return "done"

    assert loop.run(main()) == "done"


def test_timers_fire_in_order() -> None:
    """Sleepers wake in the order of their times, whatever the order they began in."""
    woken: list[float] = []

    async def sleeper(seconds: float) -> None:
        await loop.sleep(seconds)
        woken.append(seconds)

    async def main() -> None:
        await loop.gather([sleeper(seconds) for seconds in (0.03, 0.01, 0.02, 0.0)])

    loop.run(main())
    assert woken == [0.0, 0.01, 0.02, 0.03]


def test_signals_wake_all_who_wait_and_time_out() -> None:
    """Notify wakes every waiter with True; who is not notified in time gets False."""

    async def main() -> tuple[list[bool], bool]:
        signal = loop.Signal()
        waiting = [loop.spawn(signal.wait(5)) for _ in range(3)]
        await loop.sleep(0)
        signal.notify()
        return [await task.join() for task in waiting], await signal.wait(0.01)

    assert loop.run(main()) == ([True, True, True], False)


def test_cancelling_interrupts_and_runs_what_cleans_up() -> None:
    """A cancelled task gets Cancelled where it waits, may still await in its clean-up, and join raises it."""
    steps: list[str] = []

    async def work() -> None:
        try:
            await loop.sleep(100)
        finally:
            await loop.sleep(0)
            steps.append("cleaned")

    async def main() -> None:
        task = loop.spawn(work())
        await loop.sleep(0)
        task.cancel()
        with pytest.raises(loop.Cancelled):
            await task.join()
        task.cancel()  # harmless once it is done

    loop.run(main())
    assert steps == ["cleaned"]


def test_cancelling_before_the_first_step_still_enters_the_task() -> None:
    """A task cancelled before it began runs to its first await, so that its clean-up is entered."""
    steps: list[str] = []

    async def work() -> None:
        try:
            steps.append("begun")
            await loop.sleep(100)
        except loop.Cancelled:
            steps.append("cancelled")

    async def main() -> None:
        task = loop.spawn(work())
        task.cancel()
        await task.settled()

    loop.run(main())
    assert steps == ["begun", "cancelled"]


def test_a_task_that_cancels_itself() -> None:
    """A cancel while the task runs reaches it at its next await."""

    async def main() -> str:
        async def work() -> str:
            tasks[0].cancel()
            try:
                await loop.sleep(100)
            except loop.Cancelled:
                return "caught"
            return "missed"

        tasks: list[loop.Task] = []
        tasks.append(loop.spawn(work()))
        result: str = await tasks[0].join()
        return result

    assert loop.run(main()) == "caught"


def test_gather_keeps_order_and_ends_the_rest_on_an_error() -> None:
    """Results come in order; the first error cancels those still running and is raised."""
    ended: list[str] = []

    async def value(seconds: float, result: Any) -> Any:
        try:
            await loop.sleep(seconds)
        except loop.Cancelled:
            ended.append(result)
            raise
        if result == "bad":
            raise ValueError(result)
        return result

    async def good() -> list[Any]:
        return await loop.gather([value(0.02, 1), value(0.0, 2)])

    async def bad() -> None:
        with pytest.raises(ValueError, match="bad"):
            await loop.gather([value(0.0, "bad"), value(100, "slow")])
        await loop.sleep(0)

    assert loop.run(good()) == [1, 2]
    loop.run(bad())
    assert ended == ["slow"]


def test_an_error_in_a_task_is_reported_and_ends_it_alone() -> None:
    """on_error hears of it; other tasks and the loop go on."""
    errors: list[BaseException] = []

    async def broken() -> None:
        raise KeyError("x")

    async def main() -> str:
        await loop.spawn(broken()).settled()
        await loop.sleep(0)
        return "alive"

    assert loop.run(main(), on_error=errors.append) == "alive"
    assert [type(error) for error in errors] == [KeyError]


def test_descriptors() -> None:
    """A reader wakes when there are bytes, when the other end is closed, or when its time is up."""

    async def main() -> list[Any]:
        reading, writing = os.pipe()
        found: list[Any] = [await loop.ready(reading, loop.READ, 0.01), await loop.ready(writing, loop.WRITE)]
        waiting = loop.spawn(loop.ready(reading, loop.READ))
        await loop.sleep(0)
        os.write(writing, b"x")
        found += [await waiting.join(), os.read(reading, 10)]
        os.close(writing)
        found += [await loop.ready(reading, loop.READ), os.read(reading, 10)]
        os.close(reading)
        return found

    assert loop.run(main()) == [False, True, True, b"x", True, b""]


def test_two_readers_of_one_descriptor_are_a_fault() -> None:
    """Only one task may wait for one direction of a descriptor; reader and writer may both wait."""

    async def main() -> None:
        reading, writing = os.pipe()
        first = loop.spawn(loop.ready(reading, loop.READ))
        await loop.sleep(0)
        with pytest.raises(RuntimeError):
            await loop.ready(reading, loop.READ)
        first.cancel()
        await first.settled()
        assert not await loop.ready(reading, loop.READ, 0)
        os.close(reading)
        os.close(writing)

    loop.run(main())


def test_thousands_of_tasks() -> None:
    """Ten thousand sleepers cost little."""

    async def main() -> None:
        await loop.gather([loop.sleep(0.01) for _ in range(10_000)])

    begun = time.process_time()
    loop.run(main())
    assert time.process_time() - begun < 5


def test_an_error_that_somebody_hears_is_told_once() -> None:
    """What ends one of several that are gathered is raised there, and on_error does not hear of it as well."""
    errors: list[BaseException] = []

    async def fail() -> None:
        raise ValueError("heard")

    async def main() -> str:
        try:
            await loop.gather([fail(), fail()])
        except ValueError as error:
            return str(error)
        return ""

    assert loop.run(main(), on_error=errors.append) == "heard"
    assert errors == []
