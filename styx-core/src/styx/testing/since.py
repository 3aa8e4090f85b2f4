"""Rules that are newer than a provider: which version of the contract it was written for, and which a rule is of."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from styx.contract import CONTRACT
from styx.plugins.kinds import MANIFEST_NAME
from styx.plugins.locate import package_directories

Version = tuple[int, int]
RuleT = TypeVar("RuleT", bound=Callable[..., Any])


def since(major: int, minor: int) -> Callable[[RuleT], RuleT]:
    """Mark a rule as of this version: a provider written for an older one is not held to it."""

    def mark(rule: RuleT) -> RuleT:
        rule.since = (major, minor)  # type: ignore[attr-defined]
        return rule

    return mark


def since_of(rule: object) -> Version:
    """The version that a rule is of; 0.0 for one that always was."""
    version: Version = getattr(rule, "since", (0, 0))
    return version


def written_for(provider: type[Any], kind: str) -> Version:
    """The version of the contract that the manifest beside the provider's class states, or else today's.

    The manifest is that of the nearest package around the class, or around a class that it derives from.
    """
    for cls in provider.__mro__:
        names = cls.__module__.split(".")
        for length in range(len(names), 0, -1):
            stated = _stated(".".join(names[:length]), kind)
            if stated is not None:
                return stated
    return CONTRACT[kind]


@cache
def _stated(package: str, kind: str) -> Version | None:
    for directory in package_directories(package):
        manifest = Path(directory) / MANIFEST_NAME
        if manifest.is_file():
            text = tomllib.loads(manifest.read_text(encoding="utf-8")).get("contract", {}).get(kind)
            if isinstance(text, str):
                major, _, minor = text.partition(".")
                return int(major), int(minor)
    return None
