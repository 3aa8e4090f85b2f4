"""What every function of the SDK has: a face to call and one to await, and arguments of the right type."""

from __future__ import annotations

import atexit
import functools
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Generic, ParamSpec, TypeVar

from styx.client.loop import LoopThread

P = ParamSpec("P")
T = TypeVar("T")

_starting = threading.Lock()


def loop() -> LoopThread:
    """The one in which everything runs that is called rather than awaited."""
    with _starting:  # the cache alone would let two threads start one each
        return _started()


@functools.cache
def _started() -> LoopThread:
    made, process = LoopThread(), os.getpid()

    def close() -> None:
        if os.getpid() == process:  # its thread did not come along into a fork
            made.close()

    atexit.register(close)  # connections are kept open, and would complain when they are thrown away
    return made


class TwoFaced(Generic[P, T]):
    """A function to call, and its ``.aio`` twin to await."""

    def __init__(self, function: Callable[P, Coroutine[Any, Any, T]]) -> None:
        self.aio = function
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Await it in the loop of all calls, from a thread that has none."""
        return loop().run(self.aio(*args, **kwargs))


def expect(call: str, *arguments: tuple[object, Any]) -> None:
    """Raise TypeError that shows the ``call`` as it is meant, unless each argument is of its type."""
    for position, (given, wanted) in enumerate(arguments, 1):
        if not isinstance(given, wanted):
            what = type(given).__name__
            raise TypeError(f"argument {position} cannot be of type {what}; it is called as styx.{call}")
