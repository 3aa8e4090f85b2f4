"""The names of what is made for a job: whoever makes it again makes the same."""

from __future__ import annotations

import hashlib

from styx.dags.names import plain

_LONGEST = 40  # characters of the job's name in its cluster's, which has at most 63


def cluster(name: str, number: int, run: int = 1) -> str:
    """The cluster of a run. A run that is started again on the cluster of the one before needs none of its own."""
    first = f"{plain(name, _LONGEST)}-{number}"
    return first if run == 1 else f"{first}-{run}"


def apart(name: str, key: str, taken: str = "") -> str:
    """The name for where somebody else's cluster has the job's own; and another one, where ``taken`` is theirs too."""
    return f"{name}-{_short(f'{key}/{taken}' if taken else key)}"


def submit_key(key: str, run: int) -> str:
    """Under which a run is handed to the nodes: handed in twice, it is one job there."""
    return f"managed-{_short(key, 24)}-{run}"


def outputs_key(number: int, run: int) -> str:
    """Which file a run writes its outputs to."""
    return f"managed-{number}-{run}"


def _short(key: str, size: int = 4) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:size]
