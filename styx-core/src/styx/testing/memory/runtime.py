"""What the reference backend keeps of one cluster: its jobs, its queue, its processes and its idle clock."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import shutil
import signal
from datetime import datetime
from pathlib import Path

from styx.api import Autostop, BackendError, Clock, Cluster, JobInfo, JobSpec, JobState
from styx.testing.processes import kill_marked
from styx.transports.process import scrubbed_environment

DRAIN = 0.5  # seconds that output may take to arrive after the process has ended
LOOK = 0.02  # seconds between two looks at the idle clock


class Job:
    """One job: what was asked for and how far it has come."""

    def __init__(self, number: int, spec: JobSpec, now: datetime) -> None:
        self.id = number
        self.spec = spec
        self.state = JobState.PENDING
        self.submitted_at = now
        self.started_at: datetime | None = None
        self.ended_at: datetime | None = None
        self.exit_code: int | None = None
        self.nodes: list[int] = []  # by rank of the job
        self.ranks: dict[int, int] = {}
        self.logs: dict[int, bytearray] = {}
        self.processes: dict[int, asyncio.subprocess.Process] = {}
        self.outcome: JobState | None = None  # the end it is on its way to
        self.work: asyncio.Task[None] | None = None

    def info(self) -> JobInfo:
        """The job as the contract tells it."""
        return JobInfo(
            self.id, self.spec.name, self.state, self.submitted_at, self.started_at, self.ended_at, self.exit_code,
            self.spec.num_nodes, self.spec.cpus, self.spec.gpus, self.spec.key, ranks=dict(self.ranks),
        )  # fmt: skip


class Runtime:
    """The jobs of one cluster. Belongs to the event loop it was made in."""

    def __init__(self, cluster: Cluster, clock: Clock, size: tuple[float, float], grace: float) -> None:
        self.cluster = cluster
        self.jobs: list[Job] = []
        self._clock = clock
        self._size = size  # CPUs and GPUs of each node
        self._grace = grace
        self._changed = asyncio.Event()
        self._policy: Autostop | None = None
        self._idle_since = clock.monotonic()
        self._noticed: dict[int, datetime] = {}
        self._watch = asyncio.create_task(self._watch_idleness())

    # -- changes: everything that waits, waits for these

    async def change(self) -> None:
        """Wait until something has changed."""
        await self._changed.wait()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    # -- the queue

    def submit(self, spec: JobSpec) -> Job:
        """Queue a job, or find the one that has its key. Raises BackendError for one that can never start."""
        for job in self.jobs:
            if job.spec.key == spec.key:
                return job
        if spec.num_nodes > len(self.cluster.nodes) or spec.cpus > self._size[0] or spec.gpus > self._size[1]:
            raise BackendError(f"the job needs more than the cluster {self.cluster.name!r} has")
        job = Job(len(self.jobs) + 1, spec, self._clock.now())
        self.jobs.append(job)
        self._schedule()
        return job

    def _schedule(self) -> None:
        """Start what can start: first in, first out, but for jobs that claim nothing and so wait for nobody."""
        blocked = False
        for job in self.jobs:
            if job.state is JobState.PENDING:
                claims = job.spec.cpus > 0 or job.spec.gpus > 0
                nodes = self._room(job.spec)
                if len(nodes) < job.spec.num_nodes or (claims and blocked):
                    blocked = True
                else:
                    self._start(job, nodes[: job.spec.num_nodes])
        self._notify()

    def _room(self, spec: JobSpec) -> list[int]:
        """The nodes that have room for one rank of the job."""
        free = []
        for node in range(len(self.cluster.nodes)):
            here = [job.spec for job in self.jobs if not job.state.ended and node in job.nodes]
            cpus = self._size[0] - sum(other.cpus for other in here)
            gpus = self._size[1] - sum(other.gpus for other in here)
            if spec.cpus <= cpus and spec.gpus <= gpus:
                free.append(node)
        return free

    def _start(self, job: Job, nodes: list[int]) -> None:
        job.nodes = nodes
        job.state = JobState.SETTING_UP if job.spec.setup else JobState.RUNNING
        job.started_at = self._clock.now()
        job.logs = {rank: bytearray() for rank in range(len(nodes))}
        job.work = asyncio.create_task(self._work(job))

    # -- one job

    async def _work(self, job: Job) -> None:
        """Set up on every node, then run on every node; the first that fails ends the rest."""
        if not job.spec.setup or await self._everywhere(job, job.spec.setup, JobState.FAILED_SETUP):
            job.state = JobState.RUNNING
            self._notify()
            if await self._everywhere(job, job.spec.run, JobState.FAILED):
                job.exit_code = 0
                self.decide(job, JobState.SUCCEEDED)
        self._finish(job)

    async def _everywhere(self, job: Job, script: str, failure: JobState) -> bool:
        """Run a script as every rank; whether all went well."""
        job.ranks.clear()

        async def one(rank: int) -> None:
            code = await self._process(job, rank, script)
            job.ranks[rank] = code
            if code and self.decide(job, failure):
                job.exit_code = code
            self._notify()

        await asyncio.gather(*(one(rank) for rank in range(len(job.nodes))))
        return job.outcome is None

    async def _process(self, job: Job, rank: int, script: str) -> int:
        home, env = self._place(job, rank)
        workdir = home / job.spec.workdir
        # A pipe of our own: asyncio would count a process as running for as long as anybody holds one of its own open.
        read_end, write_end = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                shutil.which("bash") or "/bin/sh", "-c", script, cwd=workdir if workdir.is_dir() else home, env=env,
                stdin=asyncio.subprocess.DEVNULL, stdout=write_end, stderr=write_end, start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(write_end)
        job.processes[rank] = process
        if job.outcome is not None:  # decided while it was being started
            self._kill(job)
        pump = asyncio.create_task(self._pump(read_end, job.logs[rank]))
        status = await process.wait()
        _signal(process, signal.SIGKILL)  # what it left behind in its group, which may hold the output open
        await asyncio.wait([pump], timeout=DRAIN)  # what made a session of its own may hold it open still
        pump.cancel()
        del job.processes[rank]
        return 128 - status if status < 0 else status

    async def _pump(self, descriptor: int, log: bytearray) -> None:
        reader = asyncio.StreamReader()
        with os.fdopen(descriptor, "rb") as pipe:
            transport, _ = await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(reader), pipe
            )
            try:
                while data := await reader.read(1 << 16):
                    log += data
                    self._notify()
            finally:
                transport.close()

    def _place(self, job: Job, rank: int) -> tuple[Path, dict[str, str]]:
        """The home of a rank's node, and the rank's environment."""
        node = self.cluster.nodes[job.nodes[rank]]
        endpoint = node.endpoint
        if endpoint is None or endpoint.kind != "process":
            raise BackendError("the reference backend needs nodes that are processes")
        home, spec = endpoint.options["home"], job.spec
        both = {
            "NODE_RANK": str(rank),
            "NODE_IPS": "\n".join(self.cluster.nodes[number].private_ip or "" for number in job.nodes),
            "NUM_NODES": str(spec.num_nodes),
            "NUM_GPUS_PER_NODE": str(math.ceil(spec.gpus)),
            "TASK_ID": spec.task_id,
            "CLUSTER_INFO": json.dumps(dict(spec.cluster_info)),
        }
        twins = {f"{prefix}_{name}": value for name, value in both.items() for prefix in ("STYX", "SKYPILOT")}
        env = scrubbed_environment(home, node.name) | twins | dict(spec.envs) | dict(spec.secrets)
        return Path(home), env | {"STYX_CLUSTER": self.cluster.key}

    def decide(self, job: Job, outcome: JobState) -> bool:
        """Say how the job is to end, and kill what runs of it; whether that had not been decided before."""
        if job.outcome is not None:
            return False
        job.outcome = outcome
        self._kill(job)
        if job.work is None:
            self._finish(job)
        return True

    def _finish(self, job: Job) -> None:
        """Nothing of it runs any more: this is its end."""
        assert job.outcome is not None
        job.state = job.outcome
        job.ended_at = self._clock.now()
        self._idle_since = self._clock.monotonic()
        self._schedule()

    async def gone(self, job: Job) -> None:
        """Wait until nothing of the job runs any more."""
        if job.work is not None:
            await job.work

    def _kill(self, job: Job) -> None:
        """Ask the processes to end, and make those that do not."""
        for process in job.processes.values():
            if process.returncode is None:
                _signal(process, signal.SIGTERM)
                asyncio.get_running_loop().call_later(self._grace, _make_end, process)

    # -- what the nodes hear

    async def notices(self) -> dict[int, datetime]:
        """Which nodes were given notice that they are taken back, and when that was seen first."""
        command = self.cluster.preemption_notice_command()
        for rank in range(len(self.cluster.nodes)):
            if command is None or rank in self._noticed:
                continue
            if (await self.cluster.transport(rank).run(command)).status == 0:
                self._noticed.setdefault(rank, self._clock.now())
        return dict(self._noticed)

    # -- the idle clock

    def set_policy(self, policy: Autostop | None) -> None:
        """Set or clear the policy, and start counting anew."""
        self._policy = policy
        self._idle_since = self._clock.monotonic()

    async def _watch_idleness(self) -> None:
        """Have every node stop itself once the policy says so. Nobody logs in here, so jobs are all that counts."""
        while True:
            await asyncio.sleep(LOOK)
            policy = self._policy
            if policy is None:
                continue
            busy = policy.wait_for != "none" and any(not job.state.ended for job in self.jobs)
            if not busy and self._clock.monotonic() - self._idle_since >= policy.idle_minutes * 60:
                self._policy = None
                for rank in range(len(self.cluster.nodes)):
                    command = self.cluster.self_stop_command(rank, down=policy.down)
                    if command is not None:
                        await self.cluster.transport(rank).run(command)

    async def close(self) -> None:
        """Stop watching, and kill what jobs left behind."""
        while kill_marked([f"STYX_CLUSTER={self.cluster.key}"]):  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(LOOK)
        self._watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watch


def _signal(process: asyncio.subprocess.Process, number: int) -> None:
    """Send a signal to the process group that this process leads."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _make_end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        _signal(process, signal.SIGKILL)
