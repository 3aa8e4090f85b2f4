"""Filters of lists that moto does not have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def matching(
    found: Iterable[dict[str, Any]], filters: Mapping[str, Iterable[str]], names: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Those that fit all filters: ``tag:NAME``, ``tag-key`` and what ``names`` says is which member."""
    return [each for each in found if all(_fits(each, name, set(values), names) for name, values in filters.items())]


def _fits(each: Mapping[str, Any], name: str, values: set[str], names: Mapping[str, str]) -> bool:
    tags = {tag["Key"]: tag["Value"] for tag in each.get("Tags", ())}
    if name == "tag-key":
        return not values.isdisjoint(tags)
    if name.startswith("tag:"):
        return tags.get(name.removeprefix("tag:")) in values
    return each[names[name]] in values
