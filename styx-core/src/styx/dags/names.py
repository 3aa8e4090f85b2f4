"""Names of clusters that are made for something."""

from __future__ import annotations

import re


def plain(name: str, longest: int) -> str:
    """The name, as far as a cluster's may hold it, in so many characters; it begins with a letter."""
    found = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:longest].strip("-._")
    return found if found[:1].isalpha() else f"t{found}"
