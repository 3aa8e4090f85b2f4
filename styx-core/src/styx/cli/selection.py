"""Which clusters the user means: names, shell patterns, or all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from styx.api.errors import ClusterNotFound
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
    chosen = _matching(client, patterns, refresh=refresh)
    for error in _missing(client, patterns, chosen).values():
        raise error
    return chosen


def require(
    client: Client, patterns: Sequence[str], *, everything: bool
) -> tuple[list[ClusterRecord], dict[str, ClusterNotFound]]:
    """Like :func:`find`, for commands that change something: nothing is meant by default, all only by ``-a``.

    Words without a match are returned beside the clusters, each with its error.
    """
    if everything and patterns:
        raise click.UsageError("give cluster names or --all, not both")
    if not everything and not patterns:
        raise click.UsageError("name the clusters, or say --all")
    records = _matching(client, patterns, refresh=False)
    return records, _missing(client, patterns, records)


def _matching(client: Client, patterns: Sequence[str], *, refresh: bool) -> list[ClusterRecord]:
    if not any(map(is_pattern, patterns)):
        return client.status(patterns, refresh=refresh)
    records = client.status(refresh=refresh)
    return [r for r in records if any(r.name == word or fnmatchcase(r.name, word) for word in patterns)]


def _missing(client: Client, patterns: Iterable[str], records: Sequence[ClusterRecord]) -> dict[str, ClusterNotFound]:
    names = [record.name for record in records]
    missing = [word for word in patterns if not any(name == word or fnmatchcase(name, word) for name in names)]
    if not missing:
        return {}
    known = [record.name for record in client.status()]
    return {word: _not_found(word, known) for word in missing}


def _not_found(word: str, known: Sequence[str]) -> ClusterNotFound:
    from difflib import get_close_matches

    from styx.api.errors import ClusterNotFound

    hint = "`styx status` lists the clusters."
    if is_pattern(word):
        return ClusterNotFound(f"no cluster matches {word!r}", hint=hint, cluster=word)
    close = get_close_matches(word, known, 1)
    return ClusterNotFound(
        f"there is no cluster {word!r}", hint=f"Did you mean {close[0]!r}?" if close else hint, cluster=word
    )
