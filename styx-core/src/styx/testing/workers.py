"""Calls that a kit makes in other threads, for they may not return."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

from styx import threads

T = TypeVar("T")

THREAD_NAME = "styx-conformance-call"

_Answer = tuple[bool, Any]  # whether it is a value, and that, or what was raised


_state = threading.local()


def calling() -> bool:
    """Whether this thread is in a call that the kit makes."""
    return getattr(_state, "calling", False)


class Late(Exception):
    """A call did not come back in time. Its thread is left to it."""


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
    answers: queue.SimpleQueue[_Answer] = queue.SimpleQueue()
    threads.call(lambda: _outcome(function), lambda answer, _: answers.put(answer), THREAD_NAME)
    try:
        return answers.get(timeout=timeout)
    except queue.Empty:
        raise Late from None
