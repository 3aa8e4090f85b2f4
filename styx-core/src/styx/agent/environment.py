"""The environment of a job: what this node gives, what the cluster gives, what the user gives; the last one wins."""

from __future__ import annotations

import json
import math
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping, Sequence

# Of the agent's own environment only this reaches a job: it may have been started from somebody's shell, with
# credentials in it. Everything else comes by cluster.configure or with the job.
# STYX_NODE says which of several nodes on one machine a process belongs to.
_KEPT = frozenset({
    "PATH", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "STYX_NODE",
})  # fmt: skip
_KEPT_PREFIXES = ("LC_", "CUDA_", "NVIDIA_")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def of_node(own: Mapping[str, str], config: Mapping[str, Any]) -> dict[str, str]:
    """Return what every job on this node starts from."""
    env = {name: value for name, value in own.items() if name in _KEPT or name.startswith(_KEPT_PREFIXES)}
    env.setdefault("PATH", _PATH)
    env["HOME"] = config["home"] or os.path.expanduser("~")
    env.update(config["env"])
    return env


def of_rank(spec: Mapping[str, Any], job: int, rank: int, ips: Sequence[str]) -> dict[str, str]:
    """Return what one rank of a job gets: the cluster's variables under both their names, and the user's.

    ``spec`` is the job as it was submitted; ``ips`` are the addresses of its nodes, rank 0 first.
    """
    gpus = str(math.ceil(spec["gpus"]))
    both = {
        "NODE_RANK": str(rank),
        "NODE_IPS": "\n".join(ips),
        "NUM_NODES": str(spec["num_nodes"]),
        "NUM_GPUS_PER_NODE": gpus,
        "SETUP_NODE_RANK": str(rank),
        "SETUP_NODE_IPS": "\n".join(ips),
        "SETUP_NUM_GPUS_PER_NODE": gpus,
        "TASK_ID": spec["task_id"],
        "CLUSTER_INFO": json.dumps(spec["cluster_info"]),
        "USER": spec["user"],
    }
    env = {}
    for name, value in both.items():
        env["STYX_" + name] = env["SKYPILOT_" + name] = value
    env["STYX_JOB_ID"] = env["SKYPILOT_INTERNAL_JOB_ID"] = str(job)
    env.update(spec["envs"])
    return env
