"""The URLs that are told of a job's end, on record. For many, to know one is to be let in there.

So all see to whom it goes, and the rest is sealed, for the server that posts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from styx.store.managed import ManagedJob, NewJob

if TYPE_CHECKING:
    from styx.sealing import Sealer

_NAMES = frozenset({"on_success", "on_failure"})
_SEALED = "webhooks"  # among a job's options: all its URLs in full; earlier versions of Styx kept them in clear


def hidden(sealer: Sealer, options: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Options for the record of the job with this key: their URLs masked, and sealed."""
    urls = {name: value for name, value in options.items() if name in _NAMES}
    return {**shown(options), _SEALED: sealer.seal(json.dumps(urls), _about(key))} if urls else dict(options)


def shown(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Options, however they are on record, as everybody may see them."""
    if _NAMES.isdisjoint(options):
        return options
    return {
        name: [_masked(url) for url in value] if name in _NAMES else value
        for name, value in options.items()
        if name != _SEALED
    }


def opened(sealer: Sealer, job: ManagedJob | NewJob) -> dict[str, Any]:
    """A job's options with the URLs in full. Raises SealingError."""
    sealed = job.options.get(_SEALED)
    return {**job.options, **(json.loads(sealer.unseal(str(sealed), _about(job.key))) if sealed else {})}


def _masked(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}/***"


def _about(key: str) -> str:
    return f"webhooks:{key}"
