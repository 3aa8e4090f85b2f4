"""The ranks of jobs that run on this node: starting, watching, adopting after a restart, and ending them.

What is true is in the rank's directory and in /proc, never in this process: see shim.sh.
"""

from __future__ import annotations

import os
import shutil
import signal
import time

from . import commands, containers, files, loop, process
from .protocol import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping

SHIM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "shim.sh")
POLL = 0.1  # seconds between looks at ranks whose directories cannot be watched
DYING = 0.02  # seconds between looks at ranks whose end is near; that of an adopted one is not signalled
DRAIN = 0.5  # seconds between looks at whether a rank's output has arrived, after its exit code
DRAINS = 60  # looks until it is taken as complete all the same
UNSEEN = 6  # the same where daemons may be in a container, which only root can see
PHASES = ("setting_up", "ready", "running")
ENDS = {"exit": "exited", "setup_exit": "setup_failed", "lost": "lost"}


class Rank:
    """One rank of one job on this node. ``code`` is set in the phases exited and setup_failed."""

    __slots__ = (
        "cancelling", "code", "directory", "drains", "exit_seen", "identity", "job", "killed", "phase", "rank", "since",
    )  # fmt: skip

    def __init__(self, job: int, rank: int, directory: str) -> None:
        self.job = job
        self.rank = rank
        self.directory = directory
        self.phase = ""
        self.code: int | None = None
        self.identity: process.Identity | None = None
        self.cancelling = False
        self.killed = False  # whether cancelling has come to its end
        self.exit_seen: float | None = None
        self.drains = 0
        self.since = time.monotonic()  # when somebody last watched

    @property
    def ended(self) -> bool:
        """Whether it is over; its output is complete then."""
        return self.phase in ENDS.values()

    @property
    def log(self) -> str:
        """The file with its output."""
        return os.path.join(self.directory, "log")

    def say(self, line: str) -> None:
        """Add a line of ours to the output; does nothing where the disk is full."""
        try:
            with open(self.log, "ab+", buffering=0) as log:
                end = log.seek(0, os.SEEK_END)
                begun = end and os.pread(log.fileno(), 1, end - 1) != b"\n"
                log.write((b"\n" if begun else b"") + line.encode())
        except OSError:
            return

    @property
    def head(self) -> str:
        """The token of the table whose job this is; empty when nobody said."""
        return self._noted("head")

    @property
    def container(self) -> str:
        """The name of the container that it runs in; empty for none."""
        return self._noted("container")

    def _noted(self, name: str) -> str:
        try:
            with open(os.path.join(self.directory, name)) as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def read(self) -> tuple[str, int | None]:
        """Return (phase, code) as the directory tells it; ("", None) when nothing was ever started."""
        for name in os.listdir(self.directory):
            kind, _, value = name.partition(".")
            if kind == "phase" and value in PHASES:
                return value, None
            if kind in ENDS and value.isdigit():
                return ENDS[kind], int(value) if kind != "lost" else None
        return "", None

    def close(self, end: str) -> None:
        """Record an end that the shim did not: ``lost.0``, or ``exit.137`` for one that we killed."""
        for phase in PHASES:
            path = os.path.join(self.directory, "phase." + phase)
            if os.path.exists(path):
                os.rename(path, os.path.join(self.directory, end))


class Ranks:
    """All ranks on this node. ``changed`` is notified whenever the phase of any of them has changed."""

    def __init__(self, state: str, token: str, grace: float, umask: int) -> None:
        self.root = os.path.join(state, "jobs")  # a directory for each rank
        self._active_root = os.path.join(state, "active")
        self._token = token
        self._grace = grace
        self._shell = shutil.which("bash") or "/bin/sh"
        self._umask = umask
        self.active: dict[tuple[int, int], Rank] = {}
        self.changed = loop.Signal()
        self.children = loop.Signal()  # notified on SIGCHLD
        self.logs = files.Watcher()
        os.makedirs(self.root, exist_ok=True)
        os.makedirs(self._active_root, exist_ok=True)

    def adopt(self) -> None:
        """Take up what an earlier agent left running."""
        for name in os.listdir(self._active_root):
            job, _, rank = name.partition("-")
            if job.isdigit() and rank.isdigit():
                found = self.find(int(job), int(rank))
                if found is not None and not found.ended and found.identity is not None:
                    self._activate(found)
                else:
                    os.unlink(os.path.join(self._active_root, name))

    def abandon(self) -> None:
        """Take what runs for lost, and leave it alone: it belongs to whom this state was copied from."""
        for name in os.listdir(self.root):
            job, _, rank = name.partition("-")
            found = self.find(int(job), int(rank)) if job.isdigit() and rank.isdigit() else None
            if found is not None:
                found.close("lost.0")
                with open(os.path.join(found.directory, "head"), "w") as file:
                    file.write(self._token)
        for name in os.listdir(self._active_root):
            os.unlink(os.path.join(self._active_root, name))

    @property
    def notice(self) -> str:
        """The file that is there once this machine is about to be taken back."""
        return os.path.join(self.root, "preemption")

    def directory(self, job: int, rank: int) -> str:
        """Return where this rank's files are."""
        return os.path.join(self.root, f"{job:d}-{rank:d}")

    def find(self, job: int, rank: int) -> Rank | None:
        """Return a rank that was started here, running or over; None when there never was one."""
        if (job, rank) in self.active:
            return self.active[job, rank]
        found = Rank(job, rank, self.directory(job, rank))
        try:
            with open(os.path.join(found.directory, "process")) as file:
                found.identity = process.Identity.parse(file.read())
            found.phase, found.code = found.read()
        except FileNotFoundError:
            return None
        return found

    async def disown(self, job: int, rank: int, head: str) -> None:
        """End and remove a rank of that number that another table of jobs had started.

        A head that lost its table counts from one again, and what ran before under a number is not the job that has it
        now. ``head`` is the token of the table.
        """
        found = self.find(job, rank)
        if found is not None and head and found.head not in {"", head}:
            await self.cancel(job, rank)
            shutil.rmtree(found.directory)

    def start(self, job: int, rank: int, spec: Mapping[str, Any], env: Mapping[str, str], hold: bool) -> None:
        """Start a rank from {setup, run, workdir}; one that was started before is left alone.

        Raises AgentError when it cannot be started.
        """
        if self.find(job, rank) is not None:
            return
        started = Rank(job, rank, self.directory(job, rank))
        try:
            started.phase = self._write(started, spec, hold)
        except OSError as error:
            raise AgentError("no_space", f"cannot start the job: {error.strerror}") from error
        self.active[job, rank] = started
        try:
            pid = self._spawn(started, spec, env)
        except (OSError, ValueError) as error:  # an environment that is too long, or that no program can be given
            started.say(f"[styx: the job could not be started: {getattr(error, 'strerror', None) or error}]\n")
            started.close("exit.126")
        else:
            started.identity = process.Identity.of(pid)
        self._activate(started)  # after the start, which must not wait for what watching takes the first time
        self.changed.notify()
        self.children.notify()

    def _write(self, rank: Rank, spec: Mapping[str, Any], hold: bool) -> str:
        os.makedirs(rank.directory, exist_ok=True)
        for name in os.listdir(rank.directory):  # what an agent left that was killed before it started this
            os.unlink(os.path.join(rank.directory, name))
        phase = "setting_up" if spec["setup"] or hold else "running"
        contents = {"run.sh": spec["run"], "log": "", "head": spec.get("head", ""), "phase." + phase: ""}
        if phase == "setting_up":
            contents["setup.sh"] = spec["setup"]
        if hold:
            contents["hold"] = ""
        if spec.get("container"):
            contents["container"] = spec["container"]["name"]
            with open(SHIM) as file:  # the program's directory is not in the container
                contents["shim.sh"] = file.read()
        for name, content in contents.items():
            with open(os.path.join(rank.directory, name), "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(content)
        with open(self._active_file(rank), "w"):
            return phase

    def _active_file(self, rank: Rank) -> str:
        return os.path.join(self._active_root, f"{rank.job}-{rank.rank}")

    def marker(self, job: int) -> str:
        """Return what STYX_JOB is in every process of this job on this node."""
        return f"{self._token}-{job}"

    def _spawn(self, rank: Rank, spec: Mapping[str, Any], env: Mapping[str, str]) -> int:
        """Start the shim, or what stays here for one in a container, and return its pid."""
        marker, workdir = self.marker(rank.job), spec["workdir"]
        if spec.get("container"):
            return containers.start(spec["container"], rank.directory, marker, self._umask, workdir, env)
        argv = [
            "sh", SHIM, rank.directory, self._shell, marker, process.boot_id(), f"{self._umask:03o}",
            os.path.join(env["HOME"], workdir),
        ]  # fmt: skip
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        return commands.spawn(argv, env, actions)

    def go(self, job: int, rank: int) -> None:
        """Let a rank that was started with ``hold`` run, now or as soon as its set-up is done."""
        with open(os.path.join(self.directory(job, rank), "go"), "w"):
            pass

    async def monitor(self) -> None:
        """Notice what becomes of the ranks, for ever."""
        while True:
            await self.children.wait(self._patience())
            reap()
            for rank in list(self.active.values()):
                if self._look(rank):
                    self.changed.notify()

    def _patience(self) -> float | None:
        """Return for how long nothing need be looked at; what does happen is signalled before."""
        if not self.active:
            return None
        if any(rank.exit_seen for rank in self.active.values()):
            return DYING
        return min(self.logs.patience(rank.directory, POLL) for rank in self.active.values())

    def _activate(self, rank: Rank) -> None:
        self.active[rank.job, rank.rank] = rank
        self.logs.open(rank.directory, files.RENAMED, self.children)

    def _look(self, rank: Rank) -> bool:
        """Bring one rank up to date; whether its phase changed."""
        if rank.cancelling and not rank.killed:  # its script may have ended; what that started has not
            return False
        alive = rank.identity is not None and rank.identity.alive()
        if not alive and self._takes_over(rank):
            return False
        phase, code = rank.read()  # after the process, so that its last word is seen
        if phase in PHASES and not alive:
            rank.close("exit.137" if rank.cancelling else "lost.0")
            phase, code = rank.read()
        elif phase in ENDS.values() and alive and not self._drained(rank):
            return False
        if phase == rank.phase:
            return False
        rank.phase, rank.code = phase, code
        if rank.ended:
            self._finish(rank)
        return True

    def _drained(self, rank: Rank) -> bool:
        """Whether the output of a rank that has ended is complete, though its shim still runs.

        The shim lives while anybody holds its pipe: its own pump, which may have to wait for a CPU, or a daemon that
        the job has left behind, which is not waited for.
        """
        now = time.monotonic()
        rank.exit_seen = rank.exit_seen or now
        if now - rank.exit_seen < DRAIN:
            return False
        most = UNSEEN if rank.container else DRAINS
        if rank.drains < most and not process.marked(self._environment_marker(rank.job)):
            rank.exit_seen = now
            rank.drains += 1
            return False
        return True

    def _takes_over(self, rank: Rank) -> bool:
        """Whether a shim runs that an earlier agent had started just before it was killed, and not ours."""
        try:
            with open(os.path.join(rank.directory, "process")) as file:
                found = process.Identity.parse(file.read())
        except FileNotFoundError:
            return False
        if found is None or not found.alive():
            return False
        rank.identity = found
        return True

    def _finish(self, rank: Rank) -> None:
        del self.active[rank.job, rank.rank]
        self.logs.close(rank.directory)
        self.logs.poke(rank.log)
        os.unlink(self._active_file(rank))
        if rank.phase == "lost":
            loop.spawn(self._kill(rank, 0.0))
        elif not rank.cancelling and rank.identity is not None and process.group_exists(rank.identity.pid):
            loop.spawn(self._sweep(rank.identity.pid, rank.job))

    async def _sweep(self, group: int, job: int) -> None:
        """After an orderly end, kill what still is in the job's group; daemons that left it stay."""
        await loop.sleep(self._grace)
        ours = set(process.marked(self._environment_marker(job)))
        process.send([pid for pid in process.group_members(group) if pid in ours], signal.SIGKILL)

    def _environment_marker(self, job: int) -> bytes:
        return b"STYX_JOB=" + self.marker(job).encode()

    async def cancel(self, job: int, rank: int) -> None:
        """End a rank and everything it started; returns once that is dead. Idempotent."""
        found = self.active.get((job, rank))
        if found is None:
            return
        found.cancelling = True
        await self._kill(found, self._grace)
        found.killed = True
        while (job, rank) in self.active:
            self.children.notify()
            await self.changed.wait(POLL)

    async def kill_strays(self) -> None:
        """Kill whatever any job of this node's ever started that still runs: daemons, left when their job ended."""
        while True:
            strays = process.marked(b"STYX_JOB=" + self._token.encode() + b"-", prefix=True)
            if not strays:
                return
            process.send(strays, signal.SIGKILL)
            reap()
            await loop.sleep(0.02)

    async def _kill(self, rank: Rank, grace: float) -> None:
        container = rank.container
        if container:
            await containers.end(container, self.marker(rank.job), grace)
        await self._kill_here(rank, grace)
        if container:  # what had only just been started there
            await containers.end(container, self.marker(rank.job), 0.0)

    async def _kill_here(self, rank: Rank, grace: float) -> None:
        marker = self._environment_marker(rank.job)
        leader = rank.identity
        deadline = time.monotonic() + grace
        number, told = signal.SIGTERM, False
        seen: dict[int, int | None] = {}  # pid -> start time; one that is just ending shows no marker any more
        while True:
            reap()
            seen.update({pid: process.start_time(pid) for pid in process.marked(marker) if pid not in seen})
            pids = [pid for pid, started in seen.items() if started is not None and process.start_time(pid) == started]
            # The shim lives as long as anybody holds its pipe; without it the group's number may be somebody else's.
            members = process.group_members(leader.pid) if leader is not None and leader.alive() else []
            if not pids and not members:
                return
            if time.monotonic() >= deadline:
                number, told = signal.SIGKILL, False
            if not told:
                if leader is not None and members:
                    process.send_group(leader.pid, number)
                process.send([pid for pid in pids if pid not in members], number)
                told = True
            await self.children.wait(0.05)


def reap() -> None:
    """Take the exit statuses of dead children; what they were is in the files."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return
