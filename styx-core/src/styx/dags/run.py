"""A run of a Dag: every task when its time has come, side by side where they do not wait for each other."""

from __future__ import annotations

import asyncio
import secrets
from functools import partial

from styx.api.errors import ClusterNotFound, StyxError
from styx.dags import names
from styx.dags.journal import Journal
from styx.dags.model import DagResult, Report, RunOptions, TaskResult
from styx.dags.one import Attempted, TaskRun, to_its_end
from styx.dags.plan import plan_places
from styx.dags.schedule import Schedule, TaskState, primary_tasks
from styx.engine.engine import Engine
from styx.optimizer.rank import Choice
from styx.spec.dag import Dag
from styx.spec.flow import filled, ungiven
from styx.spec.header import termination_delay
from styx.spec.model import TaskSpec

_LONGEST = 26  # characters of the run's name, and of a task's, in a cluster's


class DagRun:
    """One run. Every task has a cluster of its own, which is removed when the task has ended.

    It goes on from what the journal has of it: what has ended is not run again, and what runs is found.
    """

    def __init__(
        self, engine: Engine, dag: Dag, options: RunOptions, report: Report, journal: Journal | None = None
    ) -> None:
        self._engine = engine
        self._journal = journal or Journal()
        self._schedule = Schedule(dag)
        self._options = options
        self._report = report
        self.name = f"{names.plain(options.name or dag.name or 'dag', _LONGEST)}-{self._journal.key[:6]}"
        past = self._journal.past
        self._results = [past.get(number) or TaskResult(dag.label(number)) for number in range(len(dag.tasks))]
        self._running: dict[asyncio.Task[None], int] = {}
        self._places: tuple[Choice, ...] = ()  # of a run that has begun here
        self._agreed = self._journal.agreed or ()
        self._let_go: set[int] = set()  # tasks of a group that end with its primary tasks
        self._room = asyncio.Semaphore(options.at_once)

    async def run(self) -> DagResult:
        """Run everything; the result. An interruption removes the clusters of what still runs, and is raised on."""
        if self._journal.agreed is None:
            await self._plan()
        try:
            self._start()
            while self._running:
                done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    number = self._running.pop(task)
                    if number not in self._let_go:
                        task.result()
                self._end_group()  # before anything is started that would have to end at once
                self._start()
                self._end_group()  # of a primary task that was left out
        finally:
            self._schedule.cancel()
            await self._stop([*self._running])
        return self._result()

    async def _plan(self) -> None:
        plan = await plan_places(self._engine, self._schedule.dag, self._options)
        self._places = tuple(pick.payload for pick in plan.picks)
        self._agreed = self._options.agreed or tuple(place.hourly_cost for place in self._places)
        await self._journal.begin(self._agreed)

    def _start(self) -> None:
        while started := self._schedule.start():
            for number in started:
                result = self._results[number]
                if result.state.ended:  # before this process
                    self._schedule.end(number, result.state, result.outputs)
                    self._turn(number, result.state, result.reason)
                    self._running[asyncio.ensure_future(self._clear(number))] = number
                else:
                    self._running[asyncio.ensure_future(self._one(number))] = number
        for skip in self._schedule.skipped():
            result = self._results[skip.task]
            if result.state is TaskState.WAITING:
                result.reason = skip.reason
                self._turn(skip.task, TaskState.SKIPPED, skip.reason)

    async def _one(self, number: int) -> None:
        result, begun = self._results[number], False
        try:
            async with self._room:
                if self._over():
                    self._leave(number)
                    raise asyncio.CancelledError  # as it is for those that run
                begun = True
                try:
                    went = await self._attempt(number)
                finally:
                    await to_its_end(self._clear(number))
        except asyncio.CancelledError:
            if not begun:  # here; it may have been before
                await to_its_end(self._clear(number))
            self._settle(number, TaskState.CANCELLED, Attempted(reason=result.reason or "interrupted"))
            raise
        self._settle(number, result.state, went)

    async def _attempt(self, number: int) -> Attempted:
        spec, result = self._schedule.dag.tasks[number].spec, self._results[number]
        self._turn(number, TaskState.RUNNING)
        result.began_at = result.began_at or self._engine.context.clock.now()
        if missing := ungiven(spec, self._schedule.outputs):
            went = Attempted(reason=missing)
        else:
            result.cluster = result.cluster or self._cluster(number)
            await self._journal.keep(number, result)
            went = await self._run_of(number, filled(spec, self._schedule.outputs), result.cluster).run()
        self._note(number, TaskState.SUCCEEDED if went.succeeded else TaskState.FAILED, went)
        await self._journal.keep(number, result)
        return went

    def _run_of(self, number: int, spec: TaskSpec, cluster: str) -> TaskRun:
        place, tell = self._places[number] if self._places else None, partial(self._told, number)
        key = f"{self._journal.key}-{number}"
        return TaskRun(self._engine, spec, cluster, key, tell, self._options, place, self._agreed[number])

    async def _clear(self, number: int) -> None:
        """Remove a task's cluster, if it has one that is not to be kept and nobody else goes on with the run."""
        cluster = self._results[number].cluster
        if not cluster or self._options.keep or not await self._journal.ours():
            return
        try:
            await self._engine.down(cluster, partial(self._told, number))
        except ClusterNotFound:
            pass
        except StyxError as error:
            self._told(number, "left", f"cluster {cluster} is not removed: {error.message}")

    def _note(self, number: int, state: TaskState, went: Attempted) -> None:
        result = self._results[number]
        result.state, result.reason = state, went.reason
        result.exit_code, result.tries, result.outputs = went.exit_code, went.tries, went.outputs
        result.ended_at = self._engine.context.clock.now()

    def _settle(self, number: int, state: TaskState, went: Attempted) -> None:
        self._note(number, state, went)
        self._schedule.end(number, state, went.outputs)
        self._turn(number, state, went.reason)

    def _told(self, number: int, kind: str, text: str) -> None:
        result = self._results[number]
        if kind == "left":
            result.left = text
        self._report(result.name, kind, text)

    def _turn(self, number: int, state: TaskState, reason: str = "") -> None:
        self._results[number].state = state
        self._report(self._results[number].name, "state", f"{state}: {reason}" if reason else state)

    def _cluster(self, number: int) -> str:
        """The name of a task's cluster: of no other's, and of none that is on record, which would be the user's own."""
        plain = f"{self.name}-{names.plain(self._results[number].name, _LONGEST)}"
        taken = {result.cluster for result in self._results}
        name = plain if plain not in taken else f"{self.name}-{number + 1}"
        while self._engine.context.store.clusters.get(name) is not None:
            name = f"{plain[:_LONGEST]}-{number + 1}-{secrets.token_hex(3)}"
        return name

    def _end_group(self) -> None:
        """Once the primary tasks of a group have ended, start no other, and end those after the time that it says."""
        if not self._over():
            return
        tasks = {number: task for task, number in self._running.items()}
        for number, result in enumerate(self._results):
            if self._schedule.states[number].ended or number in self._let_go:
                continue
            self._leave(number)
            if number in tasks:
                waits = result.state is TaskState.WAITING  # for its place among those at once: it is not to begin
                delay = 0.0 if waits else termination_delay(self._schedule.dag, result.name)
                asyncio.get_running_loop().call_later(delay, tasks[number].cancel)
            else:
                self._turn(number, TaskState.CANCELLED, result.reason)
        self._schedule.cancel()

    def _over(self) -> bool:
        """Whether this is a group of which all primary tasks have ended."""
        primary = primary_tasks(self._schedule.dag)
        return bool(primary) and all(self._schedule.states[number].ended for number in primary)

    def _leave(self, number: int) -> None:
        self._let_go.add(number)
        self._results[number].reason = "the primary tasks have ended"

    async def _stop(self, running: list[asyncio.Task[None]]) -> None:
        for task in running:
            self._report(self._results[self._running[task]].name, "state", "stopping")
            task.cancel()
        if running:
            await to_its_end(asyncio.wait(running))

    def _result(self) -> DagResult:
        for number, state in enumerate(self._schedule.states):
            result = self._results[number]
            result.state, result.reason = state, "; ".join(filter(None, (result.reason, result.left)))
        good = (TaskState.SUCCEEDED, TaskState.SKIPPED)
        succeeded = all(
            (result.state in good or number in self._let_go) and not result.left
            for number, result in enumerate(self._results)
        )
        return DagResult(self.name, succeeded, tuple(self._results))
