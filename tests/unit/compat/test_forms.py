"""The form in which meanings are compared."""

from __future__ import annotations

from typing import Any

import pytest

from styx.compat.forms import of_dag, of_task
from styx.spec import Task
from styx.spec.load import dag_of, parse_text


def alternatives(**fields: Any) -> Any:
    """The form of the alternatives of a task."""
    return of_task(Task(**fields).spec)["resources"]["list"]


def only(**resources: Any) -> Any:
    """The form of resources that are one alternative."""
    (found,) = alternatives(resources=resources)
    return found


def test_a_task_says_only_what_it_says() -> None:
    """Fields that say nothing are left out, but for the name."""
    assert of_task(Task().spec) == {
        "name": None,
        "num_nodes": 1,
        "has_setup": False,
        "has_run": False,
        "is_pool": False,
        "resources": {"ordered": False, "list": [{}]},
    }


def test_places_have_their_long_names() -> None:
    """A place is told as a whole and in its parts; Kubernetes by its long name."""
    assert only(infra="k8s/a/b") == {"infra": "kubernetes/a/b", "cloud": "kubernetes", "region": "a/b"}
    assert only(zone="z") == {"infra": "*/*/z", "zone": "z"}


@pytest.mark.parametrize(
    ("resources", "images"),
    [
        ({"image_id": "ami-1"}, {"None": "ami-1"}),
        ({"image_id": "ami-1", "infra": "aws/r"}, {"r": "ami-1"}),
        ({"image_id": "ubuntu", "infra": "k8s"}, {"None": "docker:ubuntu"}),
        ({"image_id": {"r": "ami-1", "docker": "docker:u"}}, {"r": "ami-1", "docker": "u"}),
    ],
)
def test_images_are_told_by_region(resources: dict[str, Any], images: dict[str, str]) -> None:
    """An image stands below its region; where every image is a container it is marked as one."""
    assert only(**resources)["image_id"] == images


@pytest.mark.parametrize(
    ("resources", "args"),
    [
        ({"accelerators": "tpu-v2-8"}, {"runtime_version": "tpu-vm-base"}),
        ({"accelerators": "tpu-v5p-8"}, {"runtime_version": "v2-alpha-tpuv5"}),
        ({"accelerators": "tpu-v6e-8"}, {"runtime_version": "v2-alpha-tpuv6e"}),
        (
            {"accelerators": "tpu-v2-8", "accelerator_args": {"tpu_vm": False}},
            {"tpu_vm": False, "runtime_version": "2.12.0"},
        ),
        (
            {"accelerators": "tpu-v2-8", "accelerator_args": {"runtime_version": "x"}},
            {"runtime_version": "x"},
        ),
    ],
)
def test_a_tpu_is_of_its_cloud(resources: dict[str, Any], args: dict[str, Any]) -> None:
    """A TPU without a cloud is one of Google's, with its usual runtime; elsewhere nothing is added."""
    assert (only(**resources)["cloud"], only(**resources)["accelerator_args"]) == ("gcp", args)
    assert "accelerator_args" not in only(infra="k8s", accelerators="tpu-v2-8")


def test_hooks_stand_together() -> None:
    """Hooks of the config come first, for all events unless they name some; then that of autostop, for its own."""
    (found,) = alternatives(
        config={"hooks": [{"run": "a"}, {"run": "b", "events": ["down"], "timeout": 5}], "gcp": {"x": 1}},
        resources={"autostop": {"idle_minutes": 9, "down": True, "hook": "c"}},
    )
    assert found["hooks"] == [
        {"run": "a", "events": ["stop", "preemption", "down"], "timeout": 3600},
        {"run": "b", "events": ["down"], "timeout": 5},
        {"run": "c", "events": ["down"], "timeout": 3600},
    ]
    assert found["config_overrides"] == {"gcp": {"x": 1}}
    assert found["autostop"] == {"idle_minutes": 9, "down": True}


def test_secrets_are_told_by_name() -> None:
    """Those with a value or a reference, and those that somebody else must know."""
    task = Task(
        secrets={"B": "x", "A": {"ref": "vault:a"}, "Z": None},
        managed_secrets=["user:Y", {"X": {"mount_path": "/x"}}],
    )
    found = of_task(task.spec)
    assert (found["secrets"], found["managed_secrets"]) == (["A", "B"], ["X", "Z", "user:Y"])


def test_a_probe_has_its_secrets_filled_in() -> None:
    """Values of secrets are filled into the service, which says nothing of what is as always."""
    task = Task(
        secrets={"KEY": "x"},
        service={
            "readiness_probe": {"path": "/", "headers": {"K": "$KEY"}, "endpoint_probe_interval_seconds": 10},
            "load_balancer": {"stream_timeout_seconds": 120},
        },
    )
    probe = {"path": "/", "initial_delay_seconds": 1200, "timeout_seconds": 15, "headers": {"K": "x"}}
    assert of_task(task.spec)["service"] == {"readiness_probe": probe, "replica_policy": {"min_replicas": 1}}


def test_kinds() -> None:
    """A file is a task, service, pool, chain, graph or job group."""
    for content, kind in (
        ("run: x", "task"),
        ("service: {}", "service"),
        ("pool: {workers: 1}", "pool"),
        ("run: x\n---\nrun: y", "chain"),
        ("name: a\nrun: x\n---\nname: b\n---\nname: c\ndepends_on: [a, b]", "dag"),
        ("name: g\nexecution: parallel\ntermination_delay: {default: 5}\n---\nname: a", "job_group"),
    ):
        found = of_dag(dag_of(parse_text(content, None)))
        assert found["kind"] == kind
    assert found["termination_delay"] == {"default": "5"}
    assert (found["execution"], found["primary_tasks"], found["inter_connection"]) == ("parallel", None, None)
