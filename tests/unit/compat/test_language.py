"""The corners of SkyPilot's language, each with what SkyPilot 0.14.1 makes of it.

The verdicts were made by its parser, from these texts.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from styx.api.errors import InvalidTask
from styx.compat.check import check
from styx.spec.load import dag_of, parse_text

Fill = Callable[..., Path]

BARE = {"name": None, "num_nodes": 1, "has_setup": False, "has_run": True, "is_pool": False}


def asks(*alternatives: dict[str, Any], ordered: bool = False) -> dict[str, Any]:
    """The resources of a verdict."""
    return {"resources": {"ordered": ordered, "list": [*alternatives]}}


NOTHING = asks({})
HOOK = {"events": ["stop", "preemption", "down"], "timeout": 3600}
PROBE = {"path": "/", "initial_delay_seconds": 1200, "timeout_seconds": 15}

# What stands in a task beside `run: x`, and what the task then has beside BARE.
TASKS: list[tuple[str, dict[str, Any]]] = [
    ("config: {hooks: [{run: sync}]}", asks({"hooks": [{"run": "sync", **HOOK}]})),
    (
        "config: {hooks: [{run: a, events: [down], timeout: 5}], docker: {run_options: [--ipc=host]}}",
        asks(
            {
                "hooks": [{"run": "a", "events": ["down"], "timeout": 5}],
                "config_overrides": {"docker": {"run_options": ["--ipc=host"]}},
            }
        ),
    ),
    (
        "resources: {autostop: {idle_minutes: 5, down: true, hook: b, hook_timeout: 9}}\nconfig: {hooks: [{run: a}]}",
        asks(
            {
                "autostop": {"idle_minutes": 5, "down": True},
                "hooks": [{"run": "a", **HOOK}, {"run": "b", "events": ["down"], "timeout": 9}],
            }
        ),
    ),
    (
        "secrets: [secrets:personal.A]\nmanaged_secrets: [global.B, secrets:C]",
        {"managed_secrets": ["A", "B", "C"], **NOTHING},
    ),
    ("secrets: [secrets:HF_TOKEN, 'secrets:user:W']", {"managed_secrets": ["HF_TOKEN", "user:W"], **NOTHING}),
    (
        "secrets: {A: x, B: null, 'secrets:C': null}\nmanaged_secrets: [D, {E: {mount_path: /e}}]",
        {"secrets": ["A"], "managed_secrets": ["B", "C", "D", "E"], **NOTHING},
    ),
    ("resources: {priority: -7}", asks({"priority": -7})),
    ("resources: {local_disk: nvme}", asks({"local_disk": "nvme:100+"})),
    ("resources: {local_disk: '500'}", asks({"local_disk": "nvme:500"})),
    ("resources: {local_disk: ssd:100.5+}", asks({"local_disk": "ssd:100.5+"})),
    ("resources: {max_hourly_cost: 12.5}", asks({"max_hourly_cost": 12.5})),
    ("resources: {autostop: 2h}", asks({"autostop": {"idle_minutes": 120, "down": False}})),
    ("resources: {autostop: '30'}", asks({"autostop": {"idle_minutes": 30, "down": False}})),
    ("resources: {autostop: true}", asks({"autostop": {"idle_minutes": 0, "down": False}})),
    ("resources: {autostop: -5}", asks({"autostop": {"idle_minutes": -5, "down": False}})),
    (
        "resources: {autostop: {down: true, wait_for: JOBS}}",
        asks({"autostop": {"idle_minutes": 0, "down": True, "wait_for": "jobs"}}),
    ),
    ("resources: {ports: ['8080', 9000-9001, 8081]}", asks({"ports": ["8080-8081", "9000-9001"]})),
    ("resources: {ports: '8080,22'}", asks({"ports": ["22", "8080"]})),
    ("resources: {ports: 010}", asks({"ports": ["8"]})),
    ("resources: {memory: 512MB+}", asks({"memory": "0.5+"})),
    ("resources: {memory: 16x}", asks({"memory": "16x"})),
    ("resources: {memory: 16Gi}", asks({"memory": "16.0"})),
    ("resources: {disk_size: 1TB}", asks({"disk_size": 1024})),
    ("resources: {disk_size: 256}", asks({})),
    (
        "resources: {job_recovery: {max_restarts_on_errors: 2, recover_on_exit_codes: 33}}",
        asks({"job_recovery": {"strategy": None, "max_restarts_on_errors": 2, "recover_on_exit_codes": 33}}),
    ),
    (
        "resources: {cloud: gcp, region: us-central1, any_of: [{zone: us-central1-a}, {use_spot: true}]}",
        asks(
            {
                "infra": "gcp/us-central1/us-central1-a",
                "cloud": "gcp",
                "region": "us-central1",
                "zone": "us-central1-a",
            },
            {"infra": "gcp/us-central1", "cloud": "gcp", "region": "us-central1", "use_spot": True},
        ),
    ),
    ("resources: {infra: ssh/lab}", asks({"infra": "ssh/lab", "cloud": "ssh", "region": "ssh-lab"})),
    ("resources: {infra: ssh/lab/a}", asks({"infra": "ssh/lab/a", "cloud": "ssh", "region": "ssh-lab/a"})),
    (
        "resources: {cloud: , zone: , ordered: [{infra: aws}, {infra: gcp/r}]}",
        asks({"infra": "aws", "cloud": "aws"}, {"infra": "gcp/r", "cloud": "gcp", "region": "r"}, ordered=True),
    ),
    ("resources: {job_recovery: {strategy: none, max_restarts_on_errors: 3}}", NOTHING),
    ("resources: {image_id: {null: 'docker:a'}}", asks({"image_id": {"None": "docker:a"}})),
    (
        "resources: {accelerators: tpu-v5-lite-podslice:4}",
        asks({"infra": "kubernetes", "cloud": "kubernetes", "accelerators": {"tpu-v5-lite-podslice": 4}}),
    ),
    (
        "resources: {gpus: ['A100:1', V100]}",
        asks({"accelerators": {"A100": 1}}, {"accelerators": {"V100": 1}}, ordered=True),
    ),
    (
        "resources: {accelerators: {'A100:1', 'T4:1'}, any_of: [{infra: aws}, {infra: gcp}]}",
        asks(
            *(
                {"infra": cloud, "cloud": cloud, "accelerators": {device: 1}}
                for device in ("A100", "T4")
                for cloud in ("aws", "gcp")
            )
        ),
    ),
    (
        "resources: {volumes: [{name: v, path: /v}]}",
        asks(
            {
                "volumes": [
                    {
                        "name": "v",
                        "path": "/v",
                        "storage_type": "network",
                        "auto_delete": False,
                        "attach_mode": "read_write",
                        "disk_tier": "best",
                    }
                ]
            }
        ),
    ),
    (
        "resources: {volumes: [{path: /v, storage_type: instance, name: v}]}",
        asks(
            {"volumes": [{"path": "/v", "storage_type": "instance", "auto_delete": False, "attach_mode": "read_write"}]}
        ),
    ),
    (
        "file_mounts: {/v: {store: volume, name: v, source: ./x}}",
        {
            "file_mounts": {"/v/data": "./x"},
            **asks(
                {
                    "volumes": [
                        {
                            "name": "v",
                            "path": "/v",
                            "storage_type": "network",
                            "auto_delete": True,
                            "attach_mode": "read_write",
                            "disk_tier": "best",
                        }
                    ]
                }
            ),
        },
    ),
    (
        "envs: {B: ''}\nfile_mounts: {/a: {name: $B}, /b: {name: , mode: copy}}",
        {
            "env_values": {"B": ""},
            "storage_mounts": {
                "/a": {"name": "", "source": None, "store": None, "mode": "MOUNT", "persistent": True},
                "/b": {"name": None, "source": None, "store": None, "mode": "COPY", "persistent": True},
            },
            **NOTHING,
        },
    ),
    (
        "envs: {M: copy}\nfile_mounts: {/a: {name: b, mode: $M}}",
        {
            "env_values": {"M": "copy"},
            "storage_mounts": {"/a": {"name": "b", "source": None, "store": None, "mode": "COPY", "persistent": True}},
            **NOTHING,
        },
    ),
    ("envs: {V: v1}\nvolumes: {/d: $V}", {"env_values": {"V": "v1"}, "volumes": {"/d": "v1"}, **NOTHING}),
    (
        "pool: {max_workers: 3}",
        {
            "is_pool": True,
            "service": {"pool": {"max_workers": 3, "queue_length_threshold": 1, "min_workers": 1}},
            **NOTHING,
        },
    ),
    (
        "service: {pool: {workers: 2, max_workers: 3, queue_length_threshold: 4}}",
        {
            "is_pool": True,
            "service": {"pool": {"workers": 2, "max_workers": 3, "queue_length_threshold": 4, "min_workers": 2}},
            **NOTHING,
        },
    ),
    (
        "service: {workers: 2}",
        {"service": {"readiness_probe": PROBE, "replica_policy": {"min_replicas": 2}}, **NOTHING},
    ),
    ("inputs: {s3://a: 5}", {"inputs": ["s3://a", 5], **NOTHING}),
]


@pytest.mark.parametrize(("text", "task"), TASKS, ids=[text for text, _ in TASKS])
def test_tasks(fill: Fill, text: str, task: dict[str, Any]) -> None:
    """The task means the same."""
    kind = "pool" if task.get("is_pool") else "service" if "service" in task else "task"
    verdict = {"verdict": "ok", "kind": kind, "dag_name": None, "tasks": [{**BARE, **task}]}
    agree(fill, f"{text}\nrun: x\n", verdict)


GROUP = """\
name: g
execution: parallel
primary_tasks: []
termination_delay: {default: 30, b: 5M}
---
name: b
run: x
"""
FILES: list[tuple[str, dict[str, Any]]] = [
    ("run: x\n---\n---\nrun: y", {"kind": "chain", "tasks": [{**BARE, **NOTHING}] * 2}),
    ("name: p\n---\nrun: x", {"dag_name": "p", "tasks": [{**BARE, **NOTHING}]}),
    ("name: null\n---\nrun: x\n---\nrun: y", {"kind": "chain", "tasks": [{**BARE, **NOTHING}] * 2}),
    (
        GROUP,
        {
            "kind": "job_group",
            "dag_name": "g",
            "execution": "parallel",
            "primary_tasks": None,
            "inter_connection": None,
            "termination_delay": {"default": "30", "b": "5M"},
            "tasks": [{**BARE, "name": "b", **NOTHING}],
        },
    ),
]


@pytest.mark.parametrize(("text", "file"), FILES, ids=["chain", "header", "no-name", "group"])
def test_files(fill: Fill, text: str, file: dict[str, Any]) -> None:
    """The file means the same."""
    agree(fill, text, {"verdict": "ok", "kind": "task", "dag_name": None, **file})


def agree(fill: Fill, text: str, verdict: dict[str, Any]) -> None:
    """Compare a file of this text with the verdict."""
    (row,) = check(fill({"t.yaml": text}, {"t.yaml": verdict})).rows
    assert (row.differs, row.why) == (False, "")


@pytest.mark.parametrize(
    "text",
    [
        "envs: {A: 1, A: 2}",
        "run: x\nrun: y",
        "resources: {priority: 5000}",
        "resources: {autostop: 90s}",
        "resources: {autostop: 2h30m}",
        "resources: {autostop: {hook_timeout: 0}}",
        "resources: {ports: 99999}",
        "resources: {ports: 80 - 90}",
        "resources: {local_disk: hdd:100}",
        "resources: {max_hourly_cost: 0}",
        "resources: {cpus: 4x}",
        "resources: {disk_size: 1.5TB}",
        "resources: {disk_tier: none}",
        "resources: {spot_recovery: failover}",
        "resources: {infra: aws, region: us-east-1}",
        "resources: {infra: aws/a/b/c}",
        "resources: {infra: k8s/a//b}",
        "resources: {gpus: A100, accelerators: A100}",
        "resources: {accelerators: ['A100:1', {T4: 1}]}",
        "resources: {accelerators: [A100, T4], any_of: [{infra: aws}]}",
        "resources: {any_of: [{priority: 1}, {priority: 2}]}",
        "resources: {hooks: [{run: x}]}",
        "config: {hooks: [{run: x, events: [boot]}]}",
        "experimental: {config_overrides: {}}",
        "pool: {min_workers: 1}",
        "pool: {min_workers: 3, max_workers: 1}",
        "pool: {workers: 1}\nservice: {}",
        "service: {replica_policy: {min_replicas: 1, max_replicas: 2}}",
        "service: {pool: {workers: 1}, ports: 80}",
        "service: {pool: {workers: 1}, readiness_probe: {path: /, headers: {a: b}}}",
        "file_mounts: {s3://a: {name: b}}",
        "file_mounts: {/a: {name: b, type: DATASET_RO}}",
        "name: g\nexecution: parallel\n---\nrun: x",
        "name: g\nexecution: parallel\nprimary_tasks: [z]\n---\nname: a",
        "name: g\nexecution: foo\n---\nname: a",
        "{}",
    ],
)
def test_refused(text: str) -> None:
    """What SkyPilot refuses is refused."""
    with pytest.raises(InvalidTask):
        dag_of(parse_text(text, None))
