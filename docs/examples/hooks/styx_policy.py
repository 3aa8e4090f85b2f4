"""No GPU job without a budget owner: refuse it, and label the others."""

from collections.abc import Mapping
from typing import Any

from styx.api import BadInput
from styx.hookspecs import hookimpl


@hookimpl
def styx_policy(task: Mapping[str, Any], operation: str, user: str) -> Mapping[str, Any] | None:
    resources = task.get("resources") or {}
    if operation != "launch" or not resources.get("accelerators"):
        return None
    if "OWNER" not in (task.get("envs") or {}):
        raise BadInput("GPU tasks need an owner here", hint="Add --env OWNER=team.")
    labels = {**(resources.get("labels") or {}), "owner": task["envs"]["OWNER"], "user": user}
    return {**task, "resources": {**resources, "labels": labels}}
