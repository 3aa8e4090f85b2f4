"""Variables in paths: what they come to in a whole task has an end."""

from __future__ import annotations

import pytest

from styx.api.errors import InvalidTask
from styx.spec import Task


def test_a_short_task_does_not_stand_for_a_long_one() -> None:
    """Many texts of a usual length each are refused together, before most of them are made."""
    envs = {"A": "$B" * 60, "B": "x" * 1000}
    with pytest.raises(InvalidTask, match="in place of its variables"):
        Task.from_dict({"run": "true", "envs": envs, "volumes": {f"/{number}": "$A" for number in range(400)}})
    with pytest.raises(InvalidTask, match="in place of its variables"):
        Task.from_dict({"run": "true", "envs": envs, "file_mounts": {f"/{number}": "/$B" for number in range(400)}})


def test_usual_tasks_have_room() -> None:
    """A hundred paths with variables in them are no trouble."""
    mounts = {f"/data/{number}": f"s3://$BUCKET/$RUN/{number}" for number in range(100)}
    task = Task.from_dict({"run": "true", "envs": {"BUCKET": "b" * 60, "RUN": "r" * 100}, "file_mounts": mounts})
    assert len(task.to_dict()["file_mounts"]) == 100
