"""Finding what somebody meant to write."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint that names the closest of ``known``; None when nothing is close."""
    from difflib import get_close_matches  # only mistakes need it

    by_folded = {each.lower(): each for each in known}
    close = get_close_matches(word.lower()[:100], by_folded, n=1, cutoff=0.66)
    return f"Did you mean {by_folded[close[0]]!r}?" if close else None
