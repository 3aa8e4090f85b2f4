"""What a task file means, in the form in which SkyPilot's own parser tells it: for comparing the two.

Nothing here takes part in running a task. What SkyPilot adds to a task while it parses (a default for a TPU, a prefix
for an image), Styx leaves to the plugins that know of it; the form adds it, so that only meanings are compared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from styx.spec.dag import PARALLEL, Dag
from styx.spec.expand import everywhere
from styx.spec.files import workdir_to_mapping
from styx.spec.hooks import EVENTS
from styx.spec.machine import DOCKER
from styx.spec.model import Alternative, GitWorkdir, Infra, StorageMount, TaskSpec
from styx.spec.place import Place

HOOK_TIMEOUT = 3600  # seconds
KUBERNETES = "kubernetes"
CONTAINERS = (KUBERNETES, "ssh")  # clouds where every image is a container
# Values that SkyPilot leaves out of what it tells.
PROBE_INTERVAL = 10
STREAM_TIMEOUT = 120
DISK_SIZE = 256

_TPU = "tpu"
_TPU_CLOUD = "gcp"
_TPU_OF_KUBERNETES = re.compile(r"tpu-(v4-podslice|v5-lite-(device|podslice)|v5p-slice|v6e-slice)")
_TPU_RUNTIMES = {"tpu-v5": "v2-alpha-tpuv5", "tpu-v6e": "v2-alpha-tpuv6e"}
_TPU_RUNTIME = "tpu-vm-base"
_TPU_NODE_RUNTIME = "2.12.0"

# Where a managed secret is looked for, which SkyPilot keeps apart from its name.
_SCOPE = re.compile(r"(secrets:)?(personal\.|workspace\.|global\.)?")

Form = dict[str, object]


def of_dag(dag: Dag) -> Form:
    """Its kind, its name, its tasks, and what the header of a job group says."""
    found: Form = {
        "kind": kind(dag),
        "dag_name": dag.name,
        "tasks": [of_task(task.spec) for task in dag.tasks],
    }
    if dag.execution == PARALLEL:
        found["execution"] = dag.execution
        found["primary_tasks"] = dag.options.get("primary_tasks") or None
        found["inter_connection"] = dag.options.get("inter_connection")
        found["termination_delay"] = _delay(dag.options.get("termination_delay"))
    return found


def _delay(value: object) -> object:
    """A time as text: one for all tasks, or by name."""
    if isinstance(value, dict):
        return {key: str(each) for key, each in value.items()}
    return None if value is None else str(value)


def kind(dag: Dag) -> str:
    """The kind: job_group, chain (dag, when it is no chain), pool, service or task."""
    if dag.execution == PARALLEL:
        return "job_group"
    if len(dag) > 1:
        return "chain" if dag.is_chain else "dag"
    extra = dag.tasks[0].spec.extra
    return next((each for each in ("pool", "service") if each in extra), "task")


def of_task(spec: TaskSpec) -> Form:
    """One task; fields that say nothing are left out."""
    mounts = {target: each for target, each in spec.file_mounts.items() if isinstance(each, str)}
    storages = {target: _storage(each) for target, each in spec.file_mounts.items() if isinstance(each, StorageMount)}
    found: Form = {
        "name": spec.name,
        "num_nodes": spec.num_nodes,
        "has_setup": bool(spec.setup),
        "has_run": bool(spec.run),
        "is_pool": "pool" in spec.extra,
        "resources": {
            "ordered": spec.resources.ordered,
            "list": [of_alternative(each, spec) for each in spec.resources.alternatives],
        },
        "workdir": workdir_to_mapping(spec, spec.workdir) if isinstance(spec.workdir, GitWorkdir) else spec.workdir,
        "env_values": dict(spec.envs),
        "secrets": sorted({*spec.secrets, *spec.secret_refs}),
        "managed_secrets": sorted([*spec.missing_secrets, *_managed(spec)]),
        "file_mounts": mounts,
        "storage_mounts": storages,
        "volumes": spec.extra.get("volumes"),
        "service": _service(spec),
        "inputs": spec.extra.get("inputs"),
        "outputs": spec.extra.get("outputs"),
        "event_callback": spec.extra.get("event_callback"),
        "api_server_access": False if spec.extra.get("api_server_access") is False else None,
    }
    return {key: each for key, each in found.items() if key == "name" or says(each)}


def of_alternative(each: Alternative, spec: TaskSpec) -> Form:
    """One entry of the resources, with what SkyPilot fills in and what the task's ``config`` says."""
    config = spec.extra.get("config")
    overrides = {key: value for key, value in config.items() if key != "hooks"} if isinstance(config, dict) else {}
    cloud, region, zone = each.infra.cloud, each.infra.region, each.infra.zone
    args = dict(each.accelerator_args)
    tpu = next((device.name for device in each.accelerators if _TPU in device.name.lower()), None)
    if tpu is not None and _TPU_OF_KUBERNETES.fullmatch(tpu):
        cloud = cloud or KUBERNETES
    elif tpu is not None and cloud in (None, _TPU_CLOUD):
        cloud = _TPU_CLOUD
        args.setdefault("runtime_version", _runtime(tpu, args))
    cloud = KUBERNETES if cloud == "k8s" else cloud
    found: Form = {
        "infra": str(Infra(cloud, region, zone)),
        "cloud": cloud,
        "region": region,
        "zone": zone,
        "cpus": each.cpus and str(each.cpus),
        "memory": each.memory and str(each.memory),
        "accelerators": {device.name: device.count for device in each.accelerators},
        "accelerator_args": args,
        "instance_type": each.instance_type,
        "use_spot": each.use_spot or None,
        "disk_size": None if each.disk_size == DISK_SIZE else each.disk_size,
        "disk_tier": each.disk_tier,
        "network_tier": each.network_tier,
        "local_disk": each.local_disk,
        "max_hourly_cost": each.max_hourly_cost,
        "ports": list(each.ports),
        "image_id": _image(each.image_id, region, cloud),
        "labels": dict(each.labels),
        "autostop": _autostop(each),
        "job_recovery": each.job_recovery and {"strategy": None, **each.job_recovery},
        "priority": each.priority,
        "priority_class": each.extra.get("priority_class"),
        "volumes": each.extra.get("volumes"),
        "hooks": _hooks(each, config if isinstance(config, dict) else {}),
        "config_overrides": overrides,
    }
    return {key: value for key, value in found.items() if says(value)}


def says(value: object) -> bool:
    """Whether a field with this value says anything."""
    return value not in (None, {}, [], "")


def _runtime(tpu: str, args: Mapping[str, object]) -> str:
    if args.get("tpu_vm") is False:
        return _TPU_NODE_RUNTIME
    return next((runtime for name, runtime in _TPU_RUNTIMES.items() if tpu.startswith(name)), _TPU_RUNTIME)


def _image(image: str | Mapping[str, str] | None, region: str | None, cloud: str | None) -> Form:
    """By region; a container that goes with the machine's own image stands below ``docker``."""
    if image is None:
        return {}
    images = {str(region): image} if isinstance(image, str) else {**image}
    for key, each in images.items():
        if key == "docker":
            images[key] = each.removeprefix(DOCKER)
        elif cloud in CONTAINERS and not each.startswith(DOCKER):
            images[key] = DOCKER + each
    return {**images}


def _autostop(each: Alternative) -> Form | None:
    stop = each.autostop
    if stop is None:
        return None
    waits = {} if stop.wait_for == "jobs_and_ssh" else {"wait_for": stop.wait_for}
    return {"idle_minutes": stop.idle_minutes, "down": stop.down, **waits}


def _hooks(each: Alternative, config: Mapping[str, object]) -> list[Form]:
    """Those of the task's config, then the older one inside of autostop."""
    given = config.get("hooks")
    found: list[Form] = [
        {"events": [*EVENTS], "timeout": HOOK_TIMEOUT, **hook}
        for hook in (given if isinstance(given, list) else [])
        if isinstance(hook, dict)
    ]
    older = each.extra.get("autostop_hook")
    if isinstance(older, dict) and each.autostop is not None:
        event = "down" if each.autostop.down else "stop"
        found.append({"run": older["hook"], "events": [event], "timeout": older.get("hook_timeout", HOOK_TIMEOUT)})
    return found


def _storage(mount: StorageMount) -> Form:
    return {
        "name": mount.name,
        "source": [*mount.source] if isinstance(mount.source, tuple) else mount.source,
        "store": mount.store and mount.store.upper(),
        "mode": mount.mode,
        "persistent": mount.persistent,
    }


def _managed(spec: TaskSpec) -> list[str]:
    given = spec.extra.get("managed_secrets")
    entries = given if isinstance(given, list) else []
    return [_SCOPE.sub("", name) for each in entries for name in ([each] if isinstance(each, str) else each)]


def _service(spec: TaskSpec) -> Form | None:
    """The service, with secrets where it names them: SkyPilot writes their values in, Styx keeps the names."""
    if "pool" in spec.extra:
        return {"pool": spec.extra["pool"]}
    found = everywhere(spec.extra.get("service"), spec.secrets, Place(field="service"))
    if not isinstance(found, dict):
        return None
    probe, balancer = found["readiness_probe"], found.get("load_balancer", {})
    if probe.get("endpoint_probe_interval_seconds") == PROBE_INTERVAL:
        del probe["endpoint_probe_interval_seconds"]
    if balancer.get("stream_timeout_seconds", STREAM_TIMEOUT) == STREAM_TIMEOUT:
        found.pop("load_balancer", None)
    return found
