"""What a job finds in its environment."""

from __future__ import annotations

import json

from styx.agent import environment

SPEC = {
    "num_nodes": 2, "gpus": 1.5, "task_id": "t-1", "cluster_info": {"cloud": "local"}, "user": "me",
    "envs": {"MINE": "1", "STYX_TASK_ID": "mine"},
}  # fmt: skip


def test_both_families_of_names() -> None:
    """Every variable has its STYX and its SKYPILOT name with the same value, and the user's win."""
    env = environment.of_rank(SPEC, 5, 1, ["10.0.0.1", "10.0.0.2"])
    for name in ("NODE_RANK", "NODE_IPS", "NUM_NODES", "NUM_GPUS_PER_NODE", "CLUSTER_INFO"):
        assert env["STYX_" + name] == env["SKYPILOT_" + name]
    assert env["STYX_NODE_RANK"] == "1"
    assert env["STYX_NODE_IPS"] == "10.0.0.1\n10.0.0.2"
    assert env["STYX_NUM_NODES"] == "2"
    assert env["STYX_NUM_GPUS_PER_NODE"] == "2"
    assert json.loads(env["STYX_CLUSTER_INFO"]) == {"cloud": "local"}
    assert (env["SKYPILOT_TASK_ID"], env["STYX_TASK_ID"], env["MINE"]) == ("t-1", "mine", "1")


def test_only_what_is_listed_comes_from_the_agent() -> None:
    """Credentials of whoever started the agent stay out; the cluster's own variables win over the node's."""
    own = {"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "x", "LC_ALL": "C", "STYX_NODE": "n", "CUDA_HOME": "/cuda"}
    env = environment.of_node(own, {"home": "/home/me", "env": {"LC_ALL": "C.UTF-8", "EXTRA": "1"}})
    assert env == {
        "PATH": "/bin", "LC_ALL": "C.UTF-8", "STYX_NODE": "n", "CUDA_HOME": "/cuda", "HOME": "/home/me", "EXTRA": "1",
    }  # fmt: skip
    assert "/usr/bin" in environment.of_node({}, {"home": "/h", "env": {}})["PATH"]
