"""What is being worked on, for whoever writes a line about it: a request, a managed job, a user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

_about: ContextVar[Mapping[str, str | int]] = ContextVar("styx_about", default=MappingProxyType({}))


@contextmanager
def about(**what: str | int) -> Iterator[None]:
    """In the block, and in the tasks that it begins, this is what the work is about, beside what it was before."""
    token = _about.set({**_about.get(), **what})
    try:
        yield
    finally:
        _about.reset(token)


def now_about() -> Mapping[str, str | int]:
    """What the present work is about."""
    return _about.get()
