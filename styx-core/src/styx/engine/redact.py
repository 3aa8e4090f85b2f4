"""Keeping secret values out of error texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from styx.api.errors import StyxError

MASK = "***"
SHORTEST = 4  # shorter values would mask half of every sentence


@contextmanager
def redacting(values: Iterable[str]) -> Iterator[None]:
    """Mask these values in every Styx error that leaves the block."""
    secret = sorted((value for value in values if len(value) >= SHORTEST), key=len, reverse=True)
    try:
        yield
    except StyxError as error:
        if secret:
            error.message = mask(error.message, secret)
            error.hint = mask(error.hint, secret)
            error.details = mask(error.details, secret)
            error.args = (error.message,)
            error.__cause__ = error.__context__ = None  # a chained error may hold the text unmasked
        raise


def mask(data: Any, values: Iterable[str]) -> Any:
    """The same data with every occurrence of the values in its texts masked."""
    if isinstance(data, str):
        for value in values:
            data = data.replace(value, MASK)
        return data
    if isinstance(data, dict):
        return {key: mask(item, values) for key, item in data.items()}
    if isinstance(data, list | tuple):
        return type(data)(mask(item, values) for item in data)
    return data
