"""The shape of ``service`` and ``pool``: names and types are checked here, what they mean is for serving to say."""

from __future__ import annotations

from styx.spec import amounts, fields
from styx.spec.machine import ports
from styx.spec.place import Place
from styx.spec.plain import plain, plain_mapping
from styx.spec.shapes import each_value, keyed, name_or

MAX_REPLICAS = 100_000
MAX_SECONDS = amounts.MAX_MINUTES * 60
MAX_RATE = 1e9


def _count(value: object, place: Place) -> object:
    return fields.integer(value, place, 0, MAX_REPLICAS)


def _seconds(value: object, place: Place) -> object:
    return fields.number(value, place, 0, MAX_SECONDS)


def _rate(value: object, place: Place) -> object:
    """Requests per second for one replica; a mapping says it for each kind of machine."""
    return each_value(_rate_of_one)(value, place) if isinstance(value, dict) else _rate_of_one(value, place)


def _rate_of_one(value: object, place: Place) -> object:
    return fields.number(value, place, 0, MAX_RATE)


def _port(value: object, place: Place) -> object:
    found = ports(value, place)
    if len(found) != 1 or "-" in found[0]:
        raise place.error("takes one port")
    return int(found[0])


_PROBE = keyed(
    {
        "path": fields.word,
        "initial_delay_seconds": _seconds,
        "timeout_seconds": _seconds,
        "endpoint_probe_interval_seconds": _seconds,
        "consecutive_failure_threshold_timeout": _seconds,
        "post_data": plain,
        "headers": fields.strings,
    },
    "path",
)

pool = keyed(
    {
        "workers": _count,
        "min_workers": _count,
        "max_workers": _count,
        "queue_length_threshold": _count,
        "upscale_delay_seconds": _seconds,
        "downscale_delay_seconds": _seconds,
    }
)

service = keyed(
    {
        "readiness_probe": name_or(_PROBE),
        "replicas": _count,
        "replica_policy": keyed(
            {
                "min_replicas": _count,
                "max_replicas": _count,
                "num_overprovision": _count,
                "target_qps_per_replica": _rate,
                "dynamic_ondemand_fallback": fields.flag,
                "base_ondemand_fallback_replicas": _count,
                "spot_placer": fields.word,
                "upscale_delay_seconds": _seconds,
                "downscale_delay_seconds": _seconds,
            }
        ),
        "ports": _port,
        "load_balancing_policy": fields.word,
        "load_balancer": plain_mapping,
        "tls": keyed({"keyfile": fields.word, "certfile": fields.word}, "keyfile", "certfile"),
        "pool": pool,
        "workers": _count,
    }
)
