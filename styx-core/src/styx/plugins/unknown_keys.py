"""What to say of a key that a settings model does not have: the nearest one that it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_args

FORBIDDEN = "extra_forbidden"  # as pydantic calls it

_Path = Sequence[str | int]


def unknown_key(model: type[Any], path: _Path) -> str:
    """The sentence for the key at the end of ``path``, as pydantic gives it, below this model."""
    key = path[-1]
    known = [name for found in _models(model, path[:-1]) for name in _names(found)]
    near = get_close_matches(str(key), known, 1)
    if near:
        return f"unknown key {key!r}; did you mean {near[0]!r}?"
    return f"unknown key {key!r}; known are {', '.join(known)}" if known else f"unknown key {key!r}"


def _models(annotation: Any, path: _Path) -> Iterator[type[Any]]:
    """The models that a value at ``path`` below one of this type may be checked by."""
    from pydantic import BaseModel

    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not path:
            yield annotation
        for name, field in annotation.model_fields.items():
            if path and path[0] in (name, field.alias):
                yield from _models(field.annotation, path[1:])
        return
    inside = path[1:] if _holds_several(annotation) else path  # the others only wrap: Annotated, unions
    for each in get_args(annotation):
        yield from _models(each, inside)


def _holds_several(annotation: Any) -> bool:
    origin = getattr(annotation, "__origin__", None)
    return isinstance(origin, type) and issubclass(origin, (Mapping, Sequence, set, frozenset))


def _names(model: type[Any]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if not field.exclude:
            yield field.alias or name
