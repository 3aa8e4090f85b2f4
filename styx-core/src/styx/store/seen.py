"""The buckets as they were last listed, for shell completion: a file, since stores are far and a user is waiting."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress

from styx.replacing import replacing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

_NAME = "buckets.json"
_MOST = 1000


def seen_buckets(home: Path | None = None) -> list[str]:
    """Their URIs, sorted; none where nothing was written down, or anything goes wrong. Never raises."""
    # As in styx.store.peek: pathlib and styx.config would take longer than reading the file.
    root = str(home) if home is not None else os.environ.get("STYX_HOME") or os.path.expanduser("~/.styx")  # noqa: PTH111
    try:
        with open(os.path.join(root, _NAME), encoding="utf-8") as file:  # noqa: PTH118, PTH123
            found = json.load(file)
    except (OSError, ValueError):
        return []
    return sorted(uri for uri in found if isinstance(uri, str)) if isinstance(found, list) else []


def note_buckets(home: Path, uris: Iterable[str]) -> None:
    """Write down what there is. Best effort: it is only for completion."""
    path = home / _NAME
    draft = path.with_name(f".{_NAME}.{os.getpid()}")
    with suppress(OSError), replacing(path, draft):
        draft.write_text(json.dumps(sorted(uris)[:_MOST]), encoding="utf-8")
