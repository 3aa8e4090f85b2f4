"""Finding what somebody meant to write."""

from __future__ import annotations

from collections.abc import Iterable

_ALIKE = str.maketrans("oil", "011")


def looks(word: str) -> str:
    """How it looks: the same for words of which one has an O where the other has a zero, or an I for a one."""
    return word.lower().translate(_ALIKE)


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint that names the closest of ``known``; None when nothing is close."""
    from difflib import get_close_matches  # only mistakes need it

    by_folded = {each.lower(): each for each in known}
    for alike in (looks, lambda text: sorted(looks(text))):  # of words as close as each other one with the same letters
        wanted = alike(word)  # once: it may be long
        same = next((each for each in by_folded.values() if alike(each) == wanted), None)
        if same is not None:
            return f"Did you mean {same!r}?"
    close = get_close_matches(word.lower()[:100], by_folded, n=1, cutoff=0.66)
    return f"Did you mean {by_folded[close[0]]!r}?" if close else None
