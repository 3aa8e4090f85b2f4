"""The local cloud under the fault harness: real directories, and a real process on every node."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from styx.api import Cloud, Node, Owner, Services
from styx.builtin.local.cloud import LocalCloud
from styx.testing.faults.bench import FaultBench, Thing
from styx.testing.faults.clock import FileClock
from styx.testing.faults.kinds import Fault
from styx.testing.processes import kill_marked, marked
from styx.transports.process import scrubbed_environment

_LONG = "900"  # seconds that work goes on: no trial takes as long, and what a killed harness leaves ends by itself
_BREATH = 0.01  # real seconds, for processes to end in: how often they are asked is not what is looked into


class LocalBench(FaultBench):
    """This machine. What a node is, is its directory and whatever process carries its name."""

    name: ClassVar[str] = "local"
    shared: ClassVar[bool] = False  # each installation has its own directory
    impossible: ClassVar[Mapping[Fault, str]] = {
        Fault.LATE: "a call of this machine has been carried out when it returns",
        Fault.STALE: "it reads its directories as they are (settle_after is 0)",
    }

    def __init__(self, directory: Path, variant: str = "") -> None:
        super().__init__(directory, variant)
        self.clock: FileClock = FileClock(directory / "clock", breath=_BREATH)

    def cloud(self, services: Services) -> Cloud:
        """The cloud itself, as it is."""
        return LocalCloud(services)

    def occupy(self, nodes: Sequence[Node]) -> None:
        """A process on every node that has none."""
        for node in nodes:
            assert node.endpoint is not None
            if not marked([f"STYX_NODE={node.name}"]):
                home = node.endpoint.options["home"]
                subprocess.Popen(
                    ["sleep", _LONG], cwd=home, env=scrubbed_environment(home, node.name),
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )  # fmt: skip

    def things(self) -> Iterable[Thing]:
        """Directories of nodes, whole or not, and processes of nodes."""
        return things_below(self._nodes)

    def close(self) -> None:
        """End what runs on the nodes."""
        end_all(self._nodes)

    @property
    def _nodes(self) -> Path:
        return self.directory.parent / "home" / "local" / "nodes"


def things_below(root: Path) -> Iterable[Thing]:
    """The nodes that have a directory below ``root``, and those that have none and of which processes run."""
    found: dict[str, Thing] = {}
    for path in root.glob("styx-*/[0-9]*"):
        name = f"{path.parent.name}-{path.name}"
        found[name] = Thing(name, _owner(name), runs=not (path / "state").exists())
    for name in _working(root):
        found[name] = Thing(name, _owner(name), runs=True)
    return found.values()


def end_all(root: Path) -> None:
    """Kill every process whose home is below ``root``."""
    kill_marked([f"STYX_NODE={name}" for name in _working(root)])


def _owner(name: str) -> Owner | None:
    parsed = Owner.parse(name)
    return parsed[0] if parsed else None


def _working(root: Path) -> set[str]:
    """The nodes' names that processes with a home below this root carry."""
    names = set()
    needle = f"HOME={root}/".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(variable.startswith(needle) for variable in environment):
            names |= {v[10:].decode() for v in environment if v.startswith(b"STYX_NODE=")}
    return names
