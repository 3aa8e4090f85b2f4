"""Fields whose behaviour belongs elsewhere: their shape is checked, and they are kept as plain data."""

from __future__ import annotations

import pytest

from styx.api.errors import InvalidTask
from styx.spec import Resources, Task

HOOK = {"run": "rsync /out s3://b", "events": ["STOP", "preemption"], "timeout": 60}


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ({"config": {"hooks": [HOOK]}}, {"config": {"hooks": [{**HOOK, "events": ["stop", "preemption"]}]}}),
        ({"config": {"gcp": {"x": [1]}}}, {"config": {"gcp": {"x": [1]}}}),
        ({"volumes": {"/v": "data", "/w": {"size": "10Gi"}}}, {"volumes": {"/v": "data", "/w": {"size": "10Gi"}}}),
        (
            {"managed_secrets": ["a", {"b": {"mount_path": "/b"}}]},
            {"managed_secrets": ["a", {"b": {"mount_path": "/b"}}]},
        ),
        ({"job": {"wait_for_scheduling_timeout": 5}}, {"job": {"wait_for_scheduling_timeout": 5.0}}),
    ],
)
def test_kept(written: dict[str, object], kept: dict[str, object]) -> None:
    """What is right is kept, in one form, and read back from the mapping."""
    task = Task.from_dict(written)
    assert task.spec.extra == kept
    assert Task.from_dict(task.to_dict()) == task


@pytest.mark.parametrize(
    ("written", "field"),
    [
        ({"config": {"hooks": [{"events": ["stop"]}]}}, "config.hooks[0]"),
        ({"config": {"hooks": [{"run": "x", "events": ["boot"]}]}}, "config.hooks[0].events[0]"),
        ({"config": {"hooks": [{"run": "x", "events": []}]}}, "config.hooks[0].events"),
        ({"config": {"hooks": [{"run": "x" * 17_000}]}}, "config.hooks[0].run"),
        ({"config": {"hooks": [{"run": ""}]}}, "config.hooks[0].run"),
        ({"config": {"hooks": [{"run": "x", "timeout": 0}]}}, "config.hooks[0].timeout"),
        ({"config": {"hooks": [{"run": "x"}] * 33}}, "config.hooks"),
        ({"volumes": {"/v": 3.5e300, "/w": []}}, "volumes./w"),
        ({"managed_secrets": [{"b": {"path": "/b"}}]}, "managed_secrets[0].b.path"),
        ({"managed_secrets": [{"b": {}, "c": {}}]}, "managed_secrets[0]"),
        ({"resources": {"volumes": [{"size": 1}]}}, "resources.volumes[0].size"),
        ({"resources": {"volumes": [{"path": "/v", "disk_size": "1.5TB"}]}}, "resources.volumes[0].disk_size"),
        ({"resources": {"volumes": [{"path": "/v"}]}}, "resources.volumes[0]"),
        ({"resources": {"volumes": [{"name": "v"}]}}, "resources.volumes[0]"),
        ({"inputs": {}}, "inputs"),
        ({"resources": {"accelerator_args": {"tpu": 1}}}, "resources.accelerator_args.tpu"),
        ({"job": {"timeout": 1}}, "job.timeout"),
    ],
)
def test_refused(written: dict[str, object], field: str) -> None:
    """What has another shape is refused where it stands."""
    with pytest.raises(InvalidTask) as caught:
        Task.from_dict(written)
    assert caught.value.field == field


def test_resources_keep_them_too() -> None:
    """Fields of one machine that other parts act on are kept beside it."""
    disk = {"name": "v", "path": "/v", "disk_size": "1TB"}
    found = Resources(volumes=[disk], priority_class="high", ephemeral_storage="100GB")
    given = {"storage_type": "network", "attach_mode": "read_write", "disk_tier": "best", "auto_delete": False}
    assert found.spec.alternatives[0].extra == {
        "volumes": [{**disk, "disk_size": 1024, **given}],
        "priority_class": "high",
        "ephemeral_storage": 100,
    }
