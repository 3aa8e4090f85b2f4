"""SkyPilot's side: its own optimizer, catalog and parser, in process. Runs in the environment that has SkyPilot."""

from __future__ import annotations

from typing import Any

import sky  # type: ignore[import-not-found]
from sky import catalog, check, global_user_state
from sky.clouds import CloudCapability  # type: ignore[import-not-found]
from sky.utils import dag_utils  # type: ignore[import-not-found]

from benchmarks.peer.worker import Question, serve

CLOUDS = ["AWS", "GCP", "Azure", "Lambda", "RunPod"]
WORKSPACE = "default"


def enable() -> None:
    """Leave behind in SkyPilot's state what ``sky check`` does when it finds credentials of these clouds."""
    global_user_state.set_allowed_clouds(check._get_workspace_allowed_clouds(WORKSPACE), WORKSPACE)  # noqa: SLF001
    for capability in (CloudCapability.COMPUTE, CloudCapability.STORAGE):
        global_user_state.set_enabled_clouds(CLOUDS, capability, WORKSPACE)


def optimize(dag: Any) -> Any:
    """The plan of a chain or a single task."""
    return sky.Optimizer.optimize(dag, quiet=True)


def places(dag: Any) -> list[tuple[str, str, str, float]]:
    """Of each task where it should run, and USD per hour."""
    return [
        (str(best.cloud).lower(), best.instance_type, best.region, best.get_cost(3600))
        for best in (task.best_resources for task in dag.tasks)
    ]


def accelerators(name: str) -> Any:
    """What ``sky gpus list NAME`` asks for."""
    clouds = [cloud.lower() for cloud in CLOUDS]
    return catalog.list_accelerators(gpus_only=True, name_filter=f"^{name}$", clouds=clouds)


def listed(found: Any) -> list[tuple[str, str, str, float]]:
    """Each type of machine in the region where it costs least."""
    return sorted(
        (row.cloud.lower(), row.instance_type, row.region, row.price) for rows in found.values() for row in rows
    )


if __name__ == "__main__":
    enable()
    serve(
        {
            "plan": Question(dag_utils.load_chain_dag_from_yaml, optimize, places),
            "chain": Question(dag_utils.load_chain_dag_from_yaml, optimize, places),
            "list": Question(str, accelerators, listed),
            "parse": Question(str, sky.Task.from_yaml, lambda task: task.name),
        }
    )
