"""Reading values out of a request's parameters: every one is untrusted."""

from __future__ import annotations

from .protocol import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping

MAX_NUMBER = 1_000_000


def bad(message: str) -> AgentError:
    """Return the error for a request that makes no sense."""
    return AgentError("bad_request", message)


def text(params: Mapping[str, Any], name: str, default: str | None = None, limit: int = 1 << 20) -> str:
    """Return a string of at most ``limit`` characters without NUL; required when there is no default."""
    value = params.get(name, default)
    if not isinstance(value, str) or len(value) > limit or "\0" in value or not _is_unicode(value):
        raise bad(f"{name} must be text of at most {limit} characters")
    return value


def _is_unicode(value: str) -> bool:
    """Whether it is text that can leave Python: JSON can spell halves of characters, which no program can be given."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def integer(
    params: Mapping[str, Any], name: str, default: int | None = None, low: int = 0, high: int = MAX_NUMBER
) -> int:
    """Return a whole number between ``low`` and ``high``."""
    value = params.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise bad(f"{name} must be a whole number from {low} to {high}")
    return value


def number(params: Mapping[str, Any], name: str, default: float = 0.0) -> float:
    """Return a number from 0 to a million."""
    value = params.get(name, default)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= MAX_NUMBER:
        raise bad(f"{name} must be a number from 0 to {MAX_NUMBER}")
    return float(value)


def flag(params: Mapping[str, Any], name: str, default: bool = False) -> bool:
    """Return a boolean."""
    value = params.get(name, default)
    if not isinstance(value, bool):
        raise bad(f"{name} must be true or false")
    return value


def mapping(params: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return an object; an absent one is empty."""
    value = params.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad(f"{name} must be an object")
    return value


def variables(params: Mapping[str, Any], name: str) -> dict[str, str]:
    """Return environment variables: names without ``=``, neither names nor values with NUL."""
    found = mapping(params, name)
    for key in found:
        if not key or "=" in key or "\0" in key or not _is_unicode(key):
            raise bad(f"{name} holds a name that no environment variable can have")
        text(found, key)
    return found


def listing(params: Mapping[str, Any], name: str, kind: type, limit: int = 100_000) -> list[Any] | None:
    """Return a list whose members are of one kind, or None when it is absent or null."""
    value = params.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > limit or any(type(member) is not kind for member in value):
        raise bad(f"{name} must be a list of {kind.__name__}")
    return value
