"""The records that servers and clients exchange, and one of each with every field filled in.

``PYTHONPATH=tests python -m support.wire_samples`` writes them down as the version at hand sends them. Once that is
released its file stays as it is, and the next version gets its own.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from styx import __version__
from styx.api.backend import Autostop, JobInfo, LogChunk
from styx.api.offers import Offer
from styx.api.storage import StoredObject
from styx.client import wire
from styx.client.costs import CostReport
from styx.client.protocol import CheckResult, DagLaunch, LaunchOptions, LaunchResult
from styx.dags.model import DagResult, RunOptions
from styx.engine.explain import Explanation
from styx.engine.orphans import Orphan, Search
from styx.engine.storage import BucketInfo
from styx.hookspecs import DoctorFinding
from styx.jobs.model import JobOptions
from styx.optimizer.lots import Choice
from styx.store.access import AuditEntry, RequestRecord, Token, User
from styx.store.managed import JobEvent, JobQuery, ManagedJob, ServerRecord
from styx.store.records import ClusterRecord, EventRecord, NodeRecord

RECORDS = [
    AuditEntry, BucketInfo, CheckResult, ClusterRecord, CostReport, DagLaunch, DagResult, DoctorFinding, EventRecord,
    Explanation, JobEvent, JobInfo, JobOptions, JobQuery, LaunchOptions, LaunchResult, LogChunk, ManagedJob, NodeRecord,
    Offer, Orphan, RequestRecord, RunOptions, Search, ServerRecord, StoredObject, Token, User,
]  # fmt: skip
NAMES = {"Autostop": Autostop, "Choice": Choice}  # that annotations have, and their modules do not
FROZEN = Path(__file__).with_name("frozen")
_PLAIN: dict[Any, Any] = {
    Any: {"a": 1},
    object: {"a": 1},
    bool: True,
    int: 7,
    float: 1.5,
    str: "text",
    bytes: b"\xff\x00",
    datetime: datetime(2026, 11, 30, 12, 0, 0, 5, UTC),
    Decimal: Decimal("1.50"),
    Path: Path("/a/b"),
}


def sample(kind: Any) -> Any:
    """A value of this type with something in every place."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    if get_origin(kind) is not None:
        return _composed(get_origin(kind), get_args(kind))
    if issubclass(kind, Enum):
        return list(kind)[-1]
    hints = get_type_hints(kind, localns=NAMES)
    return kind(**{each.name: sample(hints[each.name]) for each in dataclasses.fields(kind) if each.repr})


def _composed(origin: Any, arguments: tuple[Any, ...]) -> Any:
    parts = [sample(each) for each in arguments if each not in (Ellipsis, NoneType)]
    if origin in (dict, Mapping):
        return {parts[0]: parts[1]}
    return origin(parts) if origin in (tuple, frozenset) else parts[-1]


if __name__ == "__main__":
    path = FROZEN / f"wire-{__version__.rpartition('.')[0]}.json"
    written = {kind.__name__: wire.dump(sample(kind)) for kind in RECORDS}
    path.write_text(json.dumps(written, indent=1, sort_keys=True) + "\n")
