"""Styx's side: the engine with the made-up clouds, in process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

from benchmarks.peer import PEERS
from benchmarks.peer.worker import Question, serve
from styx.catalog import listing
from styx.catalog.query import catalogs
from styx.client.protocol import silent
from styx.dags.model import RunOptions
from styx.dags.plan import plan_places
from styx.engine.engine import Engine
from styx.engine.plan import Plan
from styx.optimizer.rank import Choice
from styx.optimizer.tasks import DagPlan
from styx.spec import Task
from styx.spec.dag import Dag
from styx.spec.load import load_dag

Place = tuple[str, str, str, float]


class Side:
    """An engine that stays open, and the loop that it is used from."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._run = runner.get_loop().run_until_complete  # Runner.run would print what is found, for Ctrl+C's sake
        self._engine = Engine.open()
        self._databases = {shelf.cloud: shelf.database() for shelf, _ in catalogs() if shelf.cloud in PEERS}

    def plan(self, task: Task) -> Plan:
        """What a launch would choose among."""
        return self._run(self._engine.plan(task, silent))

    def places(self, dag: Dag) -> DagPlan[Choice]:
        """The plan of a chain."""
        return self._run(plan_places(self._engine, dag, RunOptions()))

    def accelerators(self, name: str) -> dict[str, list[listing.Priced]]:
        """What ``styx gpus list NAME`` shows."""
        return {
            cloud: listing.cheapest_regions(listing.priced(database, name))
            for cloud, database in self._databases.items()
        }


def chosen(choices: Iterable[Choice]) -> Iterator[Place]:
    """Where each runs, and USD per hour."""
    for choice in choices:
        offer = choice.offer
        yield PEERS[offer.cloud], offer.instance_type, offer.region, float(choice.hourly_cost or 0)


def listed(found: dict[str, list[listing.Priced]]) -> list[Place]:
    """Each type of machine in the region where it costs least."""
    rows = ((PEERS[cloud], row) for cloud, rows in found.items() for row in rows)
    return sorted((peer, row.instance_type, row.region, float(row.hourly or 0)) for peer, row in rows)


def dag_of(path: str) -> Dag:
    """The tasks of a file."""
    return load_dag(path)


if __name__ == "__main__":
    with asyncio.Runner() as runner:
        side = Side(runner)
        serve(
            {
                "plan": Question(Task.from_yaml, side.plan, lambda plan: list(chosen(plan.choices[:1]))),
                "chain": Question(dag_of, side.places, lambda plan: list(chosen(pick.payload for pick in plan.picks))),
                "list": Question(str, side.accelerators, listed),
                "parse": Question(str, Task.from_yaml, lambda task: task.spec.name),
            }
        )
