"""``service`` and ``pool``: read into one form each. What they mean is for serving to say."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from styx.spec import amounts, fields
from styx.spec.machine import ports
from styx.spec.place import Place
from styx.spec.plain import plain
from styx.spec.shapes import each_value, integer, keyed, name_or, number, one_of

MAX_REPLICAS = 100_000
MAX_SECONDS = amounts.MAX_MINUTES * 60
MAX_RATE = 1e9
POLICIES = ("round_robin", "least_load", "instance_aware_least_load")
BY_MACHINE = "instance_aware_least_load"  # the policy that takes a rate for each kind of machine
PLACERS = ("dynamic_fallback",)
PROBE_DEFAULTS = {"path": "/", "initial_delay_seconds": 1200, "timeout_seconds": 15}
MIN_REPLICAS = 1
QUEUE_LENGTH = 1  # jobs that wait for each worker before a pool grows

_KIND = re.compile(r"[A-Z0-9]+(?::[0-9]+)?")  # H100 or H100:8


_count = integer(0, MAX_REPLICAS)
_seconds = number(0, MAX_SECONDS)
_requests = number(0, MAX_RATE)


def _rate(value: object, place: Place) -> object:
    """Requests per second for one replica; a mapping says it for each kind of machine."""
    if not isinstance(value, dict):
        return _requests(value, place)
    for key in value:
        if not _KIND.fullmatch(key):
            raise place.at(value, key).error(f"{fields.describe(key)} is not like H100 or H100:8")
    return each_value(_requests)(value, place)


def _port(value: object, place: Place) -> int:
    found = ports(value, place)
    if len(found) != 1 or "-" in found[0]:
        raise place.error("takes one port")
    return int(found[0])


def _path(value: object, place: Place) -> str:
    path = fields.word(value, place)
    if not path.startswith("/"):
        raise place.error(f"{fields.describe(path)} does not start with /")
    return path


def _body(value: object, place: Place) -> object:
    """What a probe posts: JSON, as a mapping or as text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise place.error("is not JSON") from None
    elif not isinstance(value, dict):
        raise place.error(f"must be a mapping or JSON, not {fields.describe(value)}")
    return plain(value, place)


_PROBE = keyed(
    {
        "path": _path,
        "initial_delay_seconds": _seconds,
        "timeout_seconds": _seconds,
        "endpoint_probe_interval_seconds": _seconds,
        "consecutive_failure_threshold_timeout": _seconds,
        "post_data": _body,
        "headers": fields.strings,
    },
    "path",
)
_POLICY = keyed(
    {
        "min_replicas": _count,
        "max_replicas": _count,
        "num_overprovision": _count,
        "target_qps_per_replica": _rate,
        "dynamic_ondemand_fallback": fields.flag,
        "base_ondemand_fallback_replicas": _count,
        "spot_placer": one_of(*PLACERS),
        "upscale_delay_seconds": _seconds,
        "downscale_delay_seconds": _seconds,
    },
    "min_replicas",
)
_POOL = keyed(
    {
        "workers": _count,
        "min_workers": _count,
        "max_workers": _count,
        "queue_length_threshold": integer(1, MAX_REPLICAS),
        "upscale_delay_seconds": _seconds,
        "downscale_delay_seconds": _seconds,
    }
)


def pool(value: object, place: Place) -> dict[str, object]:
    """``pool``: a number of workers, or bounds between which it follows the queue. Raises InvalidTask."""
    found = _POOL(value, place)
    high = found.get("max_workers")
    if high is None:
        for key in ("min_workers", "queue_length_threshold", "upscale_delay_seconds", "downscale_delay_seconds"):
            if key in found:
                raise place.at(value, key).error("needs max_workers", hint="A pool without it has a fixed size.")
        if "workers" not in found:
            raise place.error("needs workers, or min_workers and max_workers")
        return found
    workers = found.pop("workers", MIN_REPLICAS)
    low = found.get("min_workers", workers)
    assert isinstance(low, int)
    assert isinstance(high, int)
    if high < low:
        raise place.error(f"max_workers is {high} and min_workers {low}")
    return {"min_workers": low, "queue_length_threshold": QUEUE_LENGTH, **found}


_SERVICE = keyed(
    {
        "readiness_probe": name_or(_PROBE),
        "replicas": _count,
        "replica_policy": _POLICY,
        "ports": _port,
        "load_balancing_policy": one_of(*POLICIES),
        "load_balancer": keyed({"stream_timeout_seconds": _seconds}),
        "tls": keyed({"keyfile": fields.word, "certfile": fields.word}, "keyfile", "certfile"),
        "pool": pool,
        "workers": _count,
    }
)


def service(value: object, place: Place) -> dict[str, object]:
    """``service`` in its full form: a probe with its defaults and a replica policy. Raises InvalidTask.

    ``replicas`` (or ``workers``) is short for ``replica_policy.min_replicas``, a path for the probe of that path. A
    service that says ``pool`` is that pool and nothing else: ``{pool: ...}``.
    """
    found = _SERVICE(value, place)
    counts = [key for key in ("replicas", "workers", "replica_policy") if key in found]
    if "pool" in found and counts:
        raise place.at(value, counts[0]).error("excludes pool, which says how many workers there are")
    if len(counts) > 1:
        raise place.at(value, counts[1]).error(f"excludes {counts[0]}: keep one of the two")
    if "pool" in found:
        _only_pool(found, value, place)
        return {"pool": found["pool"]}
    probe = found.pop("readiness_probe", {})
    if isinstance(probe, str):
        probe = {"path": _path(probe, place.at(value, "readiness_probe"))}
    count = found.pop("replicas", found.pop("workers", MIN_REPLICAS))
    policy = found.pop("replica_policy", {"min_replicas": count})
    assert isinstance(probe, dict)
    assert isinstance(policy, dict)
    _scale(policy, place.at(value, "replica_policy"))
    by_machine = isinstance(policy.get("target_qps_per_replica"), dict)
    if by_machine != (found.get("load_balancing_policy") == BY_MACHINE):
        raise place.at(value, "load_balancing_policy").error(
            f"{BY_MACHINE} and a target_qps_per_replica for each kind of machine go together"
        )
    return {"readiness_probe": {**PROBE_DEFAULTS, **probe}, "replica_policy": policy, **found}


def _only_pool(found: Mapping[str, object], value: object, place: Place) -> None:
    """Raise for what a pool has no use for, because nothing is served: SkyPilot lets a bare probe stand beside it."""
    probe, at = found.get("readiness_probe"), place.at(value, "readiness_probe")
    useless = [(key, place.at(value, key)) for key in ("ports", "load_balancing_policy", "tls") if key in found]
    useless += [(key, at) for key in ("post_data", "headers") if isinstance(probe, dict) and key in probe]
    for key, where in useless:
        raise where.error(f"a pool has no {key}: it runs jobs, and serves nothing")


def _scale(policy: dict[str, object], place: Place) -> None:
    """Raise for bounds that contradict each other, or that nothing could ever move between."""
    low, high = policy["min_replicas"], policy.get("max_replicas")
    assert isinstance(low, int)
    if high is None:
        if "target_qps_per_replica" in policy:
            raise place.error("has a target_qps_per_replica and no max_replicas")
        return
    assert isinstance(high, int)
    if high < low:
        raise place.error(f"max_replicas is {high} and min_replicas {low}")
    if high != low and "target_qps_per_replica" not in policy:
        raise place.error(
            f"goes from {low} to {high} replicas, and nothing says when", hint="Set target_qps_per_replica."
        )
