"""Machines that run the tasks of Dags in a world: how each ends, and what it hands on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from styx.api import JobInfo, JobState, TransportError
from styx.api.transport import CommandResult
from styx.dags.model import DagResult, RunOptions
from styx.dags.run import DagRun
from styx.engine.engine import Engine
from styx.spec import Dag, Task
from support.world import TableBackend, World


class Machines:
    """What jobs do on the machines of a world: how each task ends in turn, and what it hands on."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = world
        self.fates: dict[str, list[int]] = {}  # exit codes by task, one for each try
        self.outputs: dict[str, str] = {}
        self.hold: dict[str, asyncio.Event] = {}  # tasks that end only then
        self.started: list[str] = []
        self._begun: dict[str, asyncio.Event] = {}
        self.envs: dict[str, Mapping[str, str]] = {}
        self.broken = 0  # connections that break while a job is waited for
        machines = self

        async def wait(backend: TableBackend, cluster: Any, job_id: int) -> JobInfo:
            jobs, spec = backend._runtime(cluster).jobs, backend._runtime(cluster).specs[job_id - 1]
            if jobs[job_id - 1].state.ended:
                return jobs[job_id - 1]
            machines.started.append(spec.name)
            machines._begun.setdefault(spec.name, asyncio.Event()).set()
            machines.envs[spec.name] = spec.envs
            if machines.broken:
                machines.broken -= 1
                raise TransportError("the connection broke")
            if spec.name in machines.hold:
                await machines.hold[spec.name].wait()
            fates = machines.fates.get(spec.name, [])
            code = fates.pop(0) if fates else 0
            job = backend._end(cluster, job_id, JobState.SUCCEEDED if code == 0 else JobState.FAILED)
            jobs[job_id - 1] = replace(job, exit_code=code)
            return jobs[job_id - 1]

        async def command(engine: Engine, name: str, rank: int, command: str) -> CommandResult:
            task = next(task for task in machines.outputs if name.endswith(task))
            return CommandResult(0, machines.outputs[task].encode(), b"")

        monkeypatch.setattr(TableBackend, "wait", wait)
        monkeypatch.setattr(Engine, "command", command)

    async def begun(self, *names: str) -> None:
        """Wait until the jobs of these tasks run."""
        for name in names:
            await self._begun.setdefault(name, asyncio.Event()).wait()

    async def run(self, *tasks: Task, **options: Any) -> DagResult:
        """Run these tasks; afterwards nothing is there but what was asked to be kept."""
        return await self.prepared(*tasks, **options).run()

    def prepared(self, *tasks: Task, **options: Any) -> DagRun:
        """A run of these tasks, not begun."""
        self.told: list[tuple[str, str, str]] = []
        report = lambda *told: self.told.append(told)  # noqa: E731
        return DagRun(self.world.engine(), dag_of(*tasks), RunOptions(**options), report)


def task(name: str, *after: str) -> Task:
    """A task that comes after others."""
    return Task(name).run("true").after(*after)


def dag_of(*tasks: Task, **fields: Any) -> Dag:
    """A Dag of these tasks."""
    dag = Dag("test", **fields)
    for each in tasks:
        dag.add(each)
    return dag


def group(*names: str) -> Dag:
    """A job group of tasks of these names, which ends as soon as the one called job has ended."""
    options = {"primary_tasks": ["job"], "termination_delay": "0s"}
    return dag_of(*map(task, names), execution="parallel", options=options)
