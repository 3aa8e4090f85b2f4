"""Which clusters the user means: names, shell patterns, or all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from styx.client.protocol import Client
    from styx.store.records import ClusterRecord

_PATTERN = frozenset("*?[")


def is_pattern(word: str) -> bool:
    """Whether the word is a shell pattern rather than a name."""
    return not _PATTERN.isdisjoint(word)


def find(client: Client, patterns: Sequence[str], *, refresh: bool = False) -> list[ClusterRecord]:
    """The clusters that match, newest first; with no pattern, all. Raises ClusterNotFound for a word without a match.

    Looks at the named clusters alone where no pattern makes it look at all of them.
    """
    if not patterns:
        return client.status(refresh=refresh)
    if any(map(is_pattern, patterns)):
        records = client.status(refresh=refresh)
        chosen = [r for r in records if any(r.name == word or fnmatchcase(r.name, word) for word in patterns)]
    else:
        chosen = client.status(patterns, refresh=refresh)
    _check_all_matched(client, patterns, [record.name for record in chosen])
    return chosen


def require(client: Client, patterns: Sequence[str], *, everything: bool) -> list[ClusterRecord]:
    """Like :func:`find`, for commands that change something: nothing is meant by default, all only by ``-a``."""
    if everything and patterns:
        raise click.UsageError("give cluster names or --all, not both")
    if not everything and not patterns:
        raise click.UsageError("name the clusters, or say --all")
    return find(client, patterns)


def _check_all_matched(client: Client, patterns: Iterable[str], names: Sequence[str]) -> None:
    missing = [word for word in patterns if not any(name == word or fnmatchcase(name, word) for name in names)]
    if not missing:
        return
    from difflib import get_close_matches

    from styx.api.errors import ClusterNotFound

    word = missing[0]
    if is_pattern(word):
        raise ClusterNotFound(f"no cluster matches {word!r}", hint="styx status lists the clusters.", cluster=word)
    close = get_close_matches(word, [record.name for record in client.status()], 1)
    hint = f"Did you mean {close[0]!r}?" if close else "styx status lists the clusters."
    raise ClusterNotFound(f"there is no cluster {word!r}", hint=hint, cluster=word)
