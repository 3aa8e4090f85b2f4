"""The fields of resources that describe one machine."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api.backend import Autostop
from styx.api.errors import InvalidTask
from styx.spec import machine
from styx.spec.place import Place

HERE = Place(field="here")


@pytest.mark.parametrize(
    ("written", "ports"),
    [
        (8080, ("8080",)),
        ("8080", ("8080",)),
        ("9000-9001", ("9000-9001",)),
        (["8080", "9000-9001", 8081], ("8080-8081", "9000-9001")),
        ([8080, 8080], ("8080",)),
        ("8080, 8081,22", ("22", "8080-8081")),
        (["1-100", "50-60", 101], ("1-101",)),
        ([], ()),
    ],
)
def test_ports(written: object, ports: tuple[str, ...]) -> None:
    """Ports are sorted, and what overlaps or touches becomes one range."""
    assert machine.ports(written, HERE) == ports


@given(st.lists(st.tuples(st.integers(1, 65535), st.integers(0, 300)), max_size=20))
def test_ports_are_neither_lost_nor_invented(pairs: list[tuple[int, int]]) -> None:
    """The ranges hold the same ports as those written, once, and reading them again changes nothing."""
    spans = [(low, min(low + more, 65535)) for low, more in pairs]
    found = machine.ports([f"{low}-{high}" for low, high in spans], HERE)
    opened = [port for each in found for port in range(int(each.split("-")[0]), int(each.split("-")[-1]) + 1)]
    assert opened == sorted({port for low, high in spans for port in range(low, high + 1)})
    assert machine.ports(list(found), HERE) == found


@pytest.mark.parametrize(
    ("written", "policy"),
    [
        (True, Autostop(0)),
        (False, None),
        (-1, None),
        (-5, None),
        (10, Autostop(10)),
        ("2h", Autostop(120)),
        ({"down": True}, Autostop(0, down=True)),
        ({"idle_minutes": 5, "wait_for": "JOBS"}, Autostop(5, wait_for="jobs")),
        ({"idle_minutes": "1d", "down": None}, Autostop(1440)),
        ({"idle_minutes": -1, "down": True}, None),
    ],
)
def test_autostop(written: object, policy: Autostop | None) -> None:
    """True is at once when idle; false and -1 are never; a time may have a unit."""
    assert machine.autostop(written, HERE) == policy


@pytest.mark.parametrize(
    ("written", "recovery"),
    [
        ("eager_next_region", {"strategy": "EAGER_NEXT_REGION"}),
        ("none", None),
        ({"strategy": "failover", "max_restarts_on_errors": 3}, {"strategy": "FAILOVER", "max_restarts_on_errors": 3}),
        ({"recover_on_exit_codes": 33}, {"recover_on_exit_codes": [33]}),
        ({"recover_on_exit_codes": [255, 0, 255]}, {"recover_on_exit_codes": [255, 0]}),
        ({"strategy": None}, None),
    ],
)
def test_job_recovery(written: object, recovery: object) -> None:
    """A strategy in any case, alone or with when to restart."""
    assert machine.job_recovery(written, HERE) == recovery


@pytest.mark.parametrize(
    ("written", "disk"),
    [
        ("nvme:1000", "nvme:1000"),
        ("ssd:100+", "ssd:100+"),
        ("100+", "nvme:100+"),
        (100, "nvme:100"),
        ("ssd:0.5+", "ssd:0.5+"),
        ("nvme", "nvme:100+"),
    ],
)
def test_local_disk(written: object, disk: str) -> None:
    """A local disk is NVMe unless it says otherwise, and at least 100 GB when only the kind is given."""
    assert machine.local_disk(written, HERE) == disk


@pytest.mark.parametrize(
    ("read", "written"),
    [
        (machine.ports, "99999"),
        (machine.ports, 0),
        (machine.ports, "9-8"),
        (machine.ports, [True]),
        (machine.ports, "http"),
        (machine.ports, {"a": 1}),
        (machine.autostop, "90s"),
        (machine.autostop, "2h30m"),
        (machine.autostop, "-2"),
        (machine.autostop, 1_000_001),
        (machine.autostop, {"idle": 5}),
        (machine.autostop, {"down": 1}),
        (machine.autostop, {"wait_for": "godot"}),
        (machine.job_recovery, "zzz"),
        (machine.job_recovery, {"max_restarts_on_errors": -1}),
        (machine.job_recovery, {"recover_on_exit_codes": 256}),
        (machine.job_recovery, {"retries": 1}),
        (machine.local_disk, ""),
        (machine.local_disk, "floppy:1"),
        (machine.local_disk, "nvme:0"),
        (machine.local_disk, "nvme:"),
        (machine.READERS["accelerator_args"], {"gcp_queued_resource": "true"}),
        (machine.image, {"us-east-1": "docker:a", "docker": "b"}),
        (machine.image, {"us-east-1": [1]}),
        (machine.labels, {"a": ["b"]}),
        (machine.labels, "a=b"),
        (machine.READERS["disk_tier"], "none"),
        (machine.READERS["network_tier"], "ultra"),
        (machine.READERS["priority"], 5000),
        (machine.READERS["max_hourly_cost"], 0),
        (machine.READERS["use_spot"], "true"),
    ],
)
def test_refused(read: Callable[[object, Place], object], written: object) -> None:
    """What cannot be meant is refused with the field it stands in."""
    with pytest.raises(InvalidTask, match="here") as caught:
        read(written, HERE)
    assert str(caught.value.field).startswith("here")


def test_a_misspelt_strategy_has_a_suggestion() -> None:
    """SkyPilot takes any strategy; here an unknown one names the closest that exists."""
    with pytest.raises(InvalidTask) as caught:
        machine.job_recovery("failovr", HERE)
    assert caught.value.hint == "Did you mean 'FAILOVER'?"
