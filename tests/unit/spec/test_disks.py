"""Disks asked for the older way: among the file mounts."""

from __future__ import annotations

from styx.spec import Task

GIVEN = {"storage_type": "network", "attach_mode": "read_write", "disk_tier": "best"}


def test_a_storage_of_the_kind_volume_is_a_disk() -> None:
    """It becomes a volume of the resources, in all alternatives, and goes with the cluster unless told to stay."""
    task = Task(
        file_mounts={
            "/a": {"store": "volume", "name": "a", "config": {"disk_size": "1TB"}},
            "/b": {"store": "VOLUME", "name": "b", "persistent": True},
            "/c": "s3://c",
        },
        resources={"any_of": [{"cpus": 1}, {"cpus": 2}]},
    )
    assert task.spec.file_mounts == {"/c": "s3://c"}
    for each in task.spec.resources.alternatives:
        assert each.extra["volumes"] == [
            {"path": "/a", "name": "a", "disk_size": 1024, "auto_delete": True, **GIVEN},
            {"path": "/b", "name": "b", "auto_delete": False, **GIVEN},
        ]
    assert Task.from_dict(task.to_dict()) == task


def test_its_source_is_copied_to_it() -> None:
    """What such a storage brings along lies in ``data`` on the disk."""
    task = Task(file_mounts={"/a/": {"store": "volume", "name": "a", "source": "./x"}})
    assert task.spec.file_mounts == {"/a/data": "./x"}


def test_variables_are_replaced_in_all_of_it() -> None:
    """Its path, its name and even its kind may be said by variables."""
    storage = {"store": "$KIND", "name": "of-$WHO", "config": {"disk_tier": "best"}}
    task = Task(envs={"KIND": "volume", "WHO": "me"}, file_mounts={"/home/$WHO": storage})
    (found,) = task.spec.resources.alternatives
    assert found.extra["volumes"] == [{"path": "/home/me", "name": "of-me", "auto_delete": True, **GIVEN}]
