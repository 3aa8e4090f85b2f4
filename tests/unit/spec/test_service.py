"""``service`` and ``pool``: one full form for all that may be written, and contradictions refused."""

from __future__ import annotations

from typing import Any

import pytest

from styx.api.errors import InvalidTask
from styx.spec import Task
from styx.spec.load import parse_text, sole

PROBE = {"path": "/", "initial_delay_seconds": 1200, "timeout_seconds": 15}
SCALED = {"min_replicas": 1, "max_replicas": 3, "target_qps_per_replica": 2.5}


@pytest.mark.parametrize(
    ("written", "full"),
    [
        ({}, {}),
        ({"readiness_probe": "/health"}, {"readiness_probe": {**PROBE, "path": "/health"}}),
        (
            {"readiness_probe": {"path": "/h", "timeout_seconds": 3, "headers": {"A": 1}}},
            {"readiness_probe": {**PROBE, "path": "/h", "timeout_seconds": 3, "headers": {"A": "1"}}},
        ),
        (
            {"readiness_probe": {"path": "/", "post_data": '{"a": [1]}'}},
            {"readiness_probe": {**PROBE, "post_data": {"a": [1]}}},
        ),
        ({"replicas": "2", "ports": "80"}, {"replica_policy": {"min_replicas": 2}, "ports": 80}),
        ({"workers": 0}, {"replica_policy": {"min_replicas": 0}}),
        ({"replica_policy": SCALED}, {"replica_policy": SCALED}),
        (
            {"replica_policy": {"min_replicas": 1, "max_replicas": 1}},
            {"replica_policy": {"min_replicas": 1, "max_replicas": 1}},
        ),
        (
            {
                "replica_policy": {**SCALED, "target_qps_per_replica": {"H100:1": 5}},
                "load_balancing_policy": "instance_aware_least_load",
            },
            {
                "replica_policy": {**SCALED, "target_qps_per_replica": {"H100:1": 5.0}},
                "load_balancing_policy": "instance_aware_least_load",
            },
        ),
        (
            {"load_balancer": {"stream_timeout_seconds": 30}, "tls": {"keyfile": "k", "certfile": "c"}},
            {"load_balancer": {"stream_timeout_seconds": 30}, "tls": {"keyfile": "k", "certfile": "c"}},
        ),
    ],
)
def test_a_service_has_one_full_form(written: dict[str, Any], full: dict[str, Any]) -> None:
    """A path stands for its probe and a number for its policy; defaults are filled in, and the form reads itself."""
    task = Task(service=written)
    assert task.spec.extra["service"] == {"readiness_probe": PROBE, "replica_policy": {"min_replicas": 1}, **full}
    assert Task.from_dict(task.to_dict()) == task


@pytest.mark.parametrize(
    ("written", "full"),
    [
        ({"workers": 2, "max_workers": None}, {"workers": 2}),
        ({"workers": 0}, {"workers": 0}),
        ({"max_workers": 3}, {"min_workers": 1, "max_workers": 3, "queue_length_threshold": 1}),
        ({"workers": 2, "max_workers": 3}, {"min_workers": 2, "max_workers": 3, "queue_length_threshold": 1}),
        (
            {"min_workers": 0, "max_workers": 3, "queue_length_threshold": 5, "upscale_delay_seconds": 9},
            {"min_workers": 0, "max_workers": 3, "queue_length_threshold": 5, "upscale_delay_seconds": 9},
        ),
    ],
)
def test_a_pool_has_one_full_form(written: dict[str, Any], full: dict[str, Any]) -> None:
    """A pool has a fixed size or bounds; inside of ``service`` is the older place for it."""
    task = Task(pool=written)
    assert task.spec.extra == {"pool": full}
    assert Task.from_dict(task.to_dict()) == task == Task(service={"readiness_probe": "/", "pool": written})


def test_variables_are_replaced_in_what_is_served() -> None:
    """Variables of the task are replaced in every text of service and volumes; values of secrets never are."""
    task = Task(
        envs={"M": "llama", "N": "8"},
        secrets={"KEY": "hunter2"},
        service={"readiness_probe": {"path": "/v1/$M", "post_data": {"model": ["${M}"]}, "headers": {"Key": "$KEY"}}},
        volumes={"/$M": {"name": "v$N"}},
    )
    probe = {**PROBE, "path": "/v1/llama", "post_data": {"model": ["llama"]}, "headers": {"Key": "$KEY"}}
    assert task.spec.extra["service"] == {"readiness_probe": probe, "replica_policy": {"min_replicas": 1}}
    assert task.spec.extra["volumes"] == {"/llama": {"name": "v8"}}
    assert "hunter2" not in str(task.to_dict())


@pytest.mark.parametrize(
    ("written", "field"),
    [
        ({"service": {"replica_policy": {"min_replica": 1}}}, "service.replica_policy.min_replica"),
        ({"service": {"replica_policy": {}}}, "service.replica_policy"),
        ({"service": {"replica_policy": {"min_replicas": 1, "max_replicas": 3}}}, "service.replica_policy"),
        ({"service": {"replica_policy": {**SCALED, "min_replicas": 4}}}, "service.replica_policy"),
        ({"service": {"replica_policy": {"min_replicas": 1, "target_qps_per_replica": 1}}}, "service.replica_policy"),
        (
            {"service": {"replica_policy": {**SCALED, "target_qps_per_replica": {"H100": "fast"}}}},
            "service.replica_policy.target_qps_per_replica.H100",
        ),
        (
            {"service": {"replica_policy": {**SCALED, "target_qps_per_replica": {"h100": 1}}}},
            "service.replica_policy.target_qps_per_replica.h100",
        ),
        (
            {"service": {"replica_policy": {**SCALED, "target_qps_per_replica": {"H100": 1}}}},
            "service.load_balancing_policy",
        ),
        ({"service": {"load_balancing_policy": "instance_aware_least_load"}}, "service.load_balancing_policy"),
        ({"service": {"load_balancing_policy": "fastest"}}, "service.load_balancing_policy"),
        (
            {"service": {"replica_policy": {"min_replicas": 1, "spot_placer": "x"}}},
            "service.replica_policy.spot_placer",
        ),
        ({"service": {"replicas": -1}}, "service.replicas"),
        ({"service": {"replicas": 1, "replica_policy": {"min_replicas": 1}}}, "service.replica_policy"),
        ({"service": {"replicas": 1, "workers": 1}}, "service.workers"),
        ({"service": {"replicas": 1, "pool": {"workers": 1}}}, "service.replicas"),
        ({"service": {"readiness_probe": "health"}}, "service.readiness_probe"),
        ({"service": {"readiness_probe": {"timeout_seconds": 3}}}, "service.readiness_probe"),
        ({"service": {"readiness_probe": {"path": "/", "post_data": "no"}}}, "service.readiness_probe.post_data"),
        ({"service": {"readiness_probe": {"path": "/", "post_data": [1]}}}, "service.readiness_probe.post_data"),
        ({"service": {"ports": "1-2"}}, "service.ports"),
        ({"service": {"ports": []}}, "service.ports"),
        ({"service": {"tls": {"keyfile": "k"}}}, "service.tls"),
        ({"service": {"load_balancer": {"x": 1}}}, "service.load_balancer.x"),
        ({"service": {"pool": {"workers": 1}}, "pool": {"workers": 1}}, "pool"),
        ({"service": {}, "pool": {"workers": 1}}, "pool"),
        ({"pool": {}}, "pool"),
        ({"pool": {"workers": "many"}}, "pool.workers"),
        ({"pool": {"min_workers": 1}}, "pool.min_workers"),
        ({"pool": {"workers": 1, "queue_length_threshold": 2}}, "pool.queue_length_threshold"),
        ({"pool": {"workers": 1, "upscale_delay_seconds": 2}}, "pool.upscale_delay_seconds"),
        ({"pool": {"min_workers": 3, "max_workers": 1}}, "pool"),
        ({"pool": {"max_workers": 3, "queue_length_threshold": 0}}, "pool.queue_length_threshold"),
    ],
)
def test_refused(written: dict[str, Any], field: str) -> None:
    """What contradicts itself, or could never scale, is refused where it stands."""
    with pytest.raises(InvalidTask) as caught:
        Task.from_dict(written)
    assert caught.value.field == field


def test_errors_in_expanded_fields_point_at_their_line() -> None:
    """Replacing variables does not lose where a field stands."""
    text = "envs: {X: bad}\nservice:\n  readiness_probe:\n    path: $X\n"
    with pytest.raises(InvalidTask, match="'bad' does not start with /") as caught:
        sole(parse_text(text, "f.yaml"))
    assert (caught.value.line, caught.value.field) == (4, "service.readiness_probe.path")
