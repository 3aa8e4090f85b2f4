"""Doing the same on several nodes at once."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


async def together(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """The results of all, in order. The first failure ends the rest and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(coroutine) for coroutine in work]
    except BaseExceptionGroup as failed:
        first = failed.exceptions[0]
        raise first from first.__cause__
    return [task.result() for task in tasks]


async def failures(work: Mapping[int, Coroutine[Any, Any, object]]) -> dict[int, Exception]:
    """The failures of those that fail, by their keys; all are waited for."""
    outcome = await asyncio.gather(*work.values(), return_exceptions=True)
    for one in outcome:
        if isinstance(one, BaseException) and not isinstance(one, Exception):
            raise one
    return {key: one for key, one in zip(work, outcome, strict=True) if isinstance(one, Exception)}


async def each(work: Iterable[Coroutine[Any, Any, T]]) -> tuple[list[T], list[Exception]]:
    """The results of those that succeed, and the failures of the others, each in order."""
    outcome = await asyncio.gather(*work, return_exceptions=True)
    results: list[T] = []
    failures: list[Exception] = []
    for one in outcome:
        if isinstance(one, Exception):
            failures.append(one)
        elif isinstance(one, BaseException):
            raise one
        else:
            results.append(one)
    return results, failures
