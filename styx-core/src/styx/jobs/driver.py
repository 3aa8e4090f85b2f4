"""What a server does for one managed job, step by step.

::

    launch -> watch -> clear -> end -> tell
       ^--------'        |
       `-----------------'

``launch`` hands the job to a cluster, ``watch`` is there until it has ended, ``clear`` removes the cluster, ``end``
writes down what became of the job, ``tell`` says so to who asked to be told. A job that is started again on the same
cluster goes back to launch from watch, one whose cluster has gone from clear.

Each step may be done again from its beginning, by this server or another: what it makes has names that follow from the
job and the run. What a step returns is all that the next one is given; a later version of Styx must know every step
here and what each was given (``tests/integration/jobs/test_upgrade.py``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from styx.api.errors import ClusterNotFound, InsufficientCapacity, NoOffer, QuotaExceeded, StoreError, StyxError
from styx.dags.one import to_its_end
from styx.engine.context import quietly
from styx.engine.engine import Engine
from styx.jobs import costs, names, recovery, work
from styx.jobs.durable import LetGo, Step
from styx.jobs.hold import Hold
from styx.jobs.launching import Launching
from styx.jobs.model import JobOptions
from styx.jobs.outcome import Outcome, loss
from styx.jobs.pace import Pace
from styx.jobs.telling import tell, to_be_told
from styx.jobs.watch import Watch
from styx.sealing import Sealer
from styx.store.access import NotOwned
from styx.store.groups import OVER
from styx.store.managed import ManagedState, Superseded

FIRST = "launch"
LONGEST_PAUSE = 60.0
REMOVAL_PATIENCE = 1800.0  # seconds; then the job ends, and its cluster stays on record
COUNT_SECONDS = 60.0  # between two sums of what a job has cost
LATE = 3  # recoveries, or restarts, after which each begins with a longer pause

log = logging.getLogger("styx.jobs")
_S = ManagedState
_HERE = ("run", "cluster", "restarts", "recoveries")  # what every step after the first is given
T = TypeVar("T")


@dataclass(slots=True)
class Surroundings:
    """What all jobs of a server work with. ``cancels`` has an event for each job here, set once it is to end.

    ``on_end`` is called when a job has ended: others may have their turn.
    """

    engine: Engine
    sealer: Sealer
    server: str
    on_end: Callable[[], None]
    cancels: dict[int, asyncio.Event] = field(default_factory=dict)
    launches: Pace = field(default_factory=Pace)
    removals: Pace = field(default_factory=Pace)


class Cancelled(Exception):
    """Somebody wants the job to end."""


class Driver:
    """The steps of one job, from when this server takes it up; nothing is written once another server has it."""

    def __init__(self, around: Surroundings, number: int) -> None:
        self._around = around
        self._number = number
        self._cancel = around.cancels.setdefault(number, asyncio.Event())
        self._held: Hold | None = None
        self._steps: Mapping[str, Callable[[Step], Awaitable[Step]]] = {
            "launch": self._launch,
            "watch": self._watch,
            "clear": self._clear,
            "end": self._end,
            "tell": self._tell,
        }

    async def __call__(self, step: Step) -> Step:
        """Do one step; the next. Raises LetGo when another server has the job."""
        pause = 1.0
        while True:
            try:
                return await self._do(step)
            except Superseded:
                raise LetGo from None
            except StoreError as error:  # a database that is away: what was done stays done, and is found again
                log.warning("managed job %s waits for the database: %s", self._number, error.message)
            except StyxError as error:
                return self._given_up(step, Outcome(_S.FAILED, error.message, error=error.to_wire()))
            except Exception as error:  # the outermost loop of a job: it must not hang for a fault of ours
                log.exception("managed job %s: step %s failed", self._number, step["do"])
                why = f"Styx itself failed ({type(error).__name__}); the server's log says more"
                return self._given_up(step, Outcome(_S.FAILED, why))
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _do(self, step: Step) -> Step:
        if step["do"] == "tell":  # nothing changes any more, so nobody needs to own it
            return await self._tell(step)
        if self._held is None:
            self._held = Hold(self._around.engine, self._number, self._around.server)
            if self._held.job.cancelling:
                self._cancel.set()
        if self._held.job.state.ended:
            if not self._held.job.epoch:  # it ended in the store; else that was written down, and then the server died
                self._held.announce_end()
            return self._ended()
        return await self._steps[step["do"]](step)

    async def _launch(self, step: Step) -> Step:
        hold = self._hold
        spec = work.spec_of(hold.job, hold.engine.context.home)
        # A chain that begins goes on from the job's row: the one before, if there was any, was lost.
        run = int(step.get("run") or hold.job.runs or 1)
        cluster = step.get("cluster") or self._own_cluster(run)
        here = {
            "run": run,
            "cluster": cluster,
            "restarts": step.get("restarts", hold.job.restarts),
            "recoveries": step.get("recoveries", hold.job.recoveries),
        }
        if why := work.ungiven(hold.engine.context.store, hold.job, spec):
            return self._over({**here, "cluster": hold.job.cluster}, Outcome(_S.FAILED, why))
        hold.update(cluster=cluster, runs=run, restarts=here["restarts"], recoveries=here["recoveries"])
        options = self._options
        launching = Launching(hold, options, cluster, names.submit_key(hold.job.key, run), self._leaning(step, options))
        try:
            task = work.runnable(hold.engine.context.store, self._around.sealer, hold.job, spec, run)
            await self._unless_cancelled(asyncio.sleep(_rest(max(here["recoveries"], here["restarts"]))))
            await self._unless_cancelled(self._around.launches.turn())
            number = await self._unless_cancelled(launching.launch(task))
        except Cancelled:
            return self._stopped(here)
        except NotOwned as error:  # somebody has taken the name, before this run was there or since its cluster went
            hold.note("launch", f"{error.message}; going to another")
            plain = names.cluster(hold.job.name, hold.job.id, run)
            return {**step, "do": "launch", **here, "cluster": names.apart(plain, hold.job.key, cluster)}
        except (NoOffer, InsufficientCapacity, QuotaExceeded) as error:
            return self._over(here, Outcome(_S.FAILED_NO_RESOURCES, error.message, error=error.to_wire()))
        hold.move(_S.RUNNING, f"as job {number} on {cluster}", cluster_job=number)
        return {"do": "watch", **here, "job": number}

    async def _watch(self, step: Step) -> Step:
        hold, here = self._hold, {key: step[key] for key in _HERE}
        spec = work.spec_of(hold.job, hold.engine.context.home)
        number, run = int(step["job"]), int(step["run"])
        watch = Watch(hold.engine, hold.job, spec, step["cluster"], number, run, partial(hold.note, "watch"))
        counting = asyncio.ensure_future(self._keep_count())
        try:
            outcome = await self._unless_cancelled(watch.outcome(self._options.timeout))
        except Cancelled:
            return self._stopped(here)
        finally:
            counting.cancel()
            watch.close()
        if self._cancel.is_set() and outcome.state is not _S.SUCCEEDED:
            return self._stopped(here)
        if outcome.gone:
            return self._recovered(here, outcome)
        if outcome.restarts(self._options, spec.retries, here["restarts"]):
            hold.move(_S.RECOVERING, f"{outcome.reason}; it is started again")
            return {"do": "launch", **here, "run": here["run"] + 1, "restarts": here["restarts"] + 1}
        return self._over(here, outcome)

    async def _keep_count(self) -> None:
        """Keep on record what the job has cost so far, for those who look at it."""
        with suppress(StyxError):  # what is wrong, the step itself comes upon
            while True:
                await asyncio.sleep(COUNT_SECONDS)
                self._hold.update(cost=costs.of(self._hold.engine.context.store, self._hold.job))

    def _recovered(self, here: Mapping[str, Any], outcome: Outcome) -> Step:
        recoveries, most = here["recoveries"] + 1, self._options.max_recoveries
        if most is not None and recoveries > most:
            return self._over(here, Outcome(_S.FAILED, f"{outcome.reason}; it is not recovered any more"))
        self._hold.move(_S.RECOVERING, outcome.reason)
        again = {**here, "run": here["run"] + 1, "recoveries": recoveries, "cluster": None}
        return {"do": "clear", **again, "old": here["cluster"], "then": "launch", "place": dict(outcome.place)}

    def _stopped(self, here: Mapping[str, Any]) -> Step:
        self._hold.move(_S.CANCELLING)
        return self._over(here, self._cancelled())

    def _cancelled(self) -> Outcome:
        """What the job is once somebody, or its group, has ended it."""
        let_go = self._hold.engine.context.store.jobs.get(self._number).let_go
        return Outcome(_S.CANCELLED, OVER if let_go else "cancelled")

    def _over(self, here: Mapping[str, Any], outcome: Outcome) -> Step:
        """The steps to the end, which begin with the cluster's."""
        if not here["cluster"]:
            return {"do": "end", **here, "outcome": outcome.to_data()}
        return {"do": "clear", **here, "old": here["cluster"], "then": "end", "outcome": outcome.to_data()}

    async def _clear(self, step: Step) -> Step:
        left = await self._removed(str(step["old"]))
        rest = {key: value for key, value in step.items() if key not in ("do", "old", "then")}
        if step["then"] == "end":
            return {"do": "end", **rest, "left": left}
        if left or self._cancel.is_set():  # two runs at once there must not be
            outcome = self._cancelled() if self._cancel.is_set() else Outcome(_S.FAILED)
            return {"do": "end", **rest, "left": left, "outcome": outcome.to_data()}
        return {"do": "launch", **rest}

    async def _removed(self, cluster: str) -> str:
        """Why the cluster is there still, when all patience has come to its end; empty once it is gone."""
        await self._around.removals.turn()
        loop = asyncio.get_running_loop()
        give_up_at, pause = loop.time() + REMOVAL_PATIENCE, 1.0
        while True:
            self._hold.require()
            try:
                with suppress(ClusterNotFound, NotOwned):  # then it has gone, and the name is another's
                    await self._hold.engine.down(cluster, quietly)
                return ""
            except StoreError:
                raise
            except StyxError as error:
                if loop.time() > give_up_at:
                    return f"cluster {cluster} is not removed: {error.message}"
                log.info("managed job %s: %s", self._number, error.message)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _end(self, step: Step) -> Step:
        outcome = Outcome.from_data(step["outcome"])
        if outcome.state is _S.CANCELLED:
            self._hold.move(_S.CANCELLING)
        elif self._hold.job.state is _S.CANCELLING:  # somebody was told so, and it had just come to its end by itself
            outcome = replace(self._cancelled(), exit_code=outcome.exit_code, outputs=outcome.outputs)
        reason = "; ".join(filter(None, (outcome.reason, step.get("left"))))
        more = {"exit_code": outcome.exit_code, "outputs": dict(outcome.outputs), "error": outcome.error}
        self._hold.end(outcome.state, reason, **more)
        return self._ended()

    def _ended(self) -> Step:
        """What follows on the end: nothing, unless somebody wants to be told."""
        self._around.cancels.pop(self._number, None)
        self._around.on_end()
        return {"do": "tell"} if to_be_told(self._hold.job) else {}

    async def _tell(self, step: Step) -> Step:
        del step
        context = self._around.engine.context
        await tell(context, self._around.sealer, context.store.jobs.get(self._number))
        return {}

    def _given_up(self, step: Step, outcome: Outcome) -> Step:
        """What follows where a step cannot be done: the job has failed, and nothing of it is to be left."""
        if step["do"] == "tell":
            return {}
        if self._held is None or step["do"] in ("end", "clear"):
            raise LetGo  # it is taken up again
        here = {"run": 1, "restarts": 0, "recoveries": 0, **{key: step[key] for key in _HERE if key in step}}
        return self._over({**here, "cluster": self._hold.job.cluster or None}, outcome)

    @property
    def _hold(self) -> Hold:
        assert self._held is not None
        return self._held

    @property
    def _options(self) -> JobOptions:
        return JobOptions.from_data(self._hold.job.options)

    def _own_cluster(self, run: int) -> str:
        """The name for this run's cluster; of none that is somebody else's."""
        job, store = self._hold.job, self._hold.engine.context.store
        if job.runs == run and job.cluster:
            return job.cluster
        name = names.cluster(job.name, job.id, run)
        return name if store.clusters.get(name) is None else names.apart(name, job.key)

    def _leaning(self, step: Step, options: JobOptions) -> Any:
        """Where the job goes on; None where it has not been anywhere yet."""
        job = self._hold.job
        what = loss(job.id, job.name, int(step.get("recoveries", 0)), step.get("place") or {})
        if what is None:
            return None
        found, why = recovery.leaning(self._hold.engine.context.plugins, options.strategy or "", what)
        if why:
            self._hold.note("recovery", why)
        return found

    async def _unless_cancelled(self, work: Awaitable[T]) -> T:
        """What comes of the work. Raises Cancelled, when the work has come to its end, if the job is to end first."""
        task, cancel = asyncio.ensure_future(work), asyncio.ensure_future(self._cancel.wait())
        try:
            await asyncio.wait({task, cancel}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise Cancelled
        finally:
            cancel.cancel()
            if not task.done():
                task.cancel()
                await to_its_end(asyncio.wait({task}))


def _rest(times: int) -> float:
    """Seconds before a job goes on that has lost its cluster, or failed, again and again."""
    return 0.0 if times <= LATE else min(2.0 ** min(times - LATE, 10), LONGEST_PAUSE)
