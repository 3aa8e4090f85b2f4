"""Calls made in other threads, which are kept for the next call: making a thread takes longer than most calls do."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

T = TypeVar("T")

THREAD_PREFIX = "styx-conformance"

_Answer = tuple[bool, Any]  # whether it is a value, and that, or what was raised


_state = threading.local()


def calling() -> bool:
    """Whether this thread is in a call that the kit makes."""
    return getattr(_state, "calling", False)


class Late(Exception):
    """A call did not come back in time. Its thread is left to it."""


class _Worker:
    def __init__(self) -> None:
        self._asked: queue.SimpleQueue[tuple[Callable[[], object], queue.SimpleQueue[_Answer]]] = queue.SimpleQueue()
        threading.Thread(target=self._work, name=f"{THREAD_PREFIX}-call", daemon=True).start()

    def ask(self, function: Callable[[], object]) -> queue.SimpleQueue[_Answer]:
        answers: queue.SimpleQueue[_Answer] = queue.SimpleQueue()
        self._asked.put((function, answers))
        return answers

    def _work(self) -> None:
        while True:
            function, answers = self._asked.get()
            answers.put(_outcome(function))
            del function, answers  # nothing of the last call is kept alive until the next


_idle: list[_Worker] = []
os.register_at_fork(after_in_child=_idle.clear)  # threads do not go with it


def _outcome(function: Callable[[], object]) -> _Answer:
    _state.calling = True
    try:
        return True, function()
    except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to the caller's thread
        return False, error
    finally:
        _state.calling = False


def called(function: Callable[[], T], timeout: float | None) -> tuple[T, None] | tuple[None, BaseException]:
    """What ``function`` returns, or else what it raises, in another thread. Raises Late after ``timeout`` seconds.

    Without a timeout it is called in this thread, which is quicker and hangs if it does.
    """
    good, answer = _outcome(function) if timeout is None else _elsewhere(function, timeout)
    return (cast("T", answer), None) if good else (None, cast("BaseException", answer))


def _elsewhere(function: Callable[[], object], timeout: float) -> _Answer:
    try:
        worker = _idle.pop()
    except IndexError:
        worker = _Worker()
    try:
        answer = worker.ask(function).get(timeout=timeout)
    except queue.Empty:
        raise Late from None
    _idle.append(worker)
    return answer
