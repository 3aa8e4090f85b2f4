"""Real agents in directories of their own, and a plain client to talk to them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from styx.agent.build import build
from styx.agent.protocol import BYTES, AgentError, Decoder, decode_json, encode_json

DEADLINE = 30.0


def unpack(directory: Path, python: str = sys.executable) -> str:
    """Build the agent and unpack it with this interpreter; the path of the program."""
    name, data = build()
    archive = directory / name
    archive.write_bytes(data)
    done = subprocess.run(
        [python, "-I", "-S", archive, "unpack", directory], capture_output=True, check=True, timeout=60
    )
    program: str = json.loads(done.stdout)["program"]
    return program


class Client:
    """One connection. Answers are matched by number; items of other requests are kept until they are asked for."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(path)
        self._decoder = Decoder()
        self._frames: list[tuple[bytes, bytes]] = []
        self._count = 0
        self._kept: dict[int, list[tuple[dict[str, Any], bytes]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self.socket.close()

    def send(self, method: str, **params: Any) -> int:
        """Send a request; its number."""
        self._count += 1
        self.socket.sendall(encode_json({"id": self._count, "method": method, "params": params}))
        return self._count

    def cancel(self, number: int) -> None:
        """Withdraw a request."""
        self.socket.sendall(encode_json({"id": number, "cancel": True}))

    def message(self) -> tuple[dict[str, Any], bytes]:
        """The next message, with the bytes it announces."""
        message = decode_json(self._frame()[1])
        data = b""
        if "size" in (message.get("item") or {}):
            kind, data = self._frame()
            assert kind == BYTES
            assert len(data) == message["item"]["size"]
        return message, data

    def _frame(self) -> tuple[bytes, bytes]:
        while not self._frames:
            data = self.socket.recv(1 << 16)
            if not data:
                raise ConnectionError("the agent closed the connection")
            self._frames += self._decoder.feed(data)
        return self._frames.pop(0)

    def messages(self, number: int) -> Iterator[tuple[dict[str, Any], bytes]]:
        """The messages about one request; those about others are kept."""
        while True:
            kept = self._kept.get(number)
            if kept:
                yield kept.pop(0)
                continue
            message, data = self.message()
            self._kept.setdefault(message["id"], []).append((message, data))

    def items(self, number: int) -> Iterator[tuple[dict[str, Any], bytes]]:
        """The items of a request until its answer; raises AgentError."""
        for message, data in self.messages(number):
            if "item" in message:
                yield message["item"], data
                continue
            if "error" in message:
                raise AgentError(message["error"]["code"], message["error"]["message"])
            return

    def answer(self, number: int) -> dict[str, Any]:
        """The result of a request, its items skipped; raises AgentError."""
        for message, _ in self.messages(number):
            if "error" in message:
                raise AgentError(message["error"]["code"], message["error"]["message"])
            if "result" in message:
                result: dict[str, Any] = message["result"]
                return result
        raise AssertionError

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One request and its result; raises AgentError."""
        return self.answer(self.send(method, **params))

    def log(self, job: int, *, follow: bool = True, rank: int | None = None, **params: Any) -> dict[int, bytes]:
        """The output of a job by rank."""
        found: dict[int, bytes] = {}
        for item, data in self.items(self.send("logs.read", id=job, rank=rank, follow=follow, **params)):
            found[item["rank"]] = found.get(item["rank"], b"") + data
        return found


class Agent:
    """One agent's state directory, socket and home; started and ended at will. ``ids``: as which user and groups."""

    def __init__(
        self, program: str, root: Path, env: dict[str, str] | None = None, python: str = sys.executable
    ) -> None:
        self.program = program
        self.python = python
        self.root = root
        self.state = root / "state"
        self.home = root / "home"
        self.home.mkdir(parents=True, exist_ok=True)
        self.ids: tuple[int, ...] = ()
        self._clients: list[Client] = []
        # A directory of its own: pytest's are too deep for a socket's path.
        self._sockets = tempfile.mkdtemp(prefix="styx-")
        self.socket = f"{self._sockets}/agent.sock"
        self.env = {"PATH": os.environ["PATH"], "STYX_AGENT_GRACE": "0.5", "STYX_AGENT_PATIENCE": "2", **(env or {})}
        self.mark = f"STYX_NODE={root}"  # in the environment of the daemon and of every job
        self.env["STYX_NODE"] = str(root)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the program."""
        user, *groups = self.ids or (None,)
        return subprocess.run(
            [self.python, "-I", "-S", self.program, *words], env=self.env, capture_output=True, text=True, timeout=60,
            check=False, user=user, group=user, extra_groups=groups or None,
        )  # fmt: skip

    def run_as(self, user: int, *groups: int) -> None:
        """Belong to this user, who is in these groups too."""
        self.ids = (user, *groups)
        for path in (self.root, *self.root.rglob("*"), Path(self._sockets)):
            os.chown(path, user, user)

    def start(self, *extra: str) -> subprocess.CompletedProcess[str]:
        """Start the daemon."""
        return self.command("daemon", "--state", str(self.state), "--socket", self.socket, *extra)

    def up(self) -> int:
        """Start the daemon, which must work; its pid."""
        done = self.start()
        assert done.returncode == 0, done.stderr
        pid: int = json.loads(done.stdout)["pid"]
        return pid

    @property
    def pid(self) -> int | None:
        """The daemon that runs or ran last."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            return int((self.state / "lock").read_text())
        return None

    @property
    def vault(self) -> Path:
        """Where its secrets are on tmpfs; ask only while no daemon runs."""
        with contextlib.closing(sqlite3.connect(self.state / "jobs.db")) as table:
            (token,) = table.execute("SELECT value FROM facts WHERE name = 'token'").fetchone()
        return Path("/dev/shm") / f"styx-{json.loads(token)}"

    def client(self) -> Client:
        """A new connection."""
        self._clients.append(Client(self.socket))
        return self._clients[-1]

    def configure(self, client: Client, **params: Any) -> None:
        """Configure it as the only node of a cluster, or as ``params`` say."""
        client.call("cluster.configure", **{
            "cluster_key": "key", "cluster_name": "test", "rank": 0, "num_nodes": 1, "node_ips": ["127.0.0.1"],
            "peers": {}, "self_stop": {}, "epoch": 1, "home": str(self.home), "env": {}, **params,
        })  # fmt: skip

    def ready(self, **params: Any) -> Client:
        """Start and configure it; a connection."""
        self.up()
        client = self.client()
        self.configure(client, **params)
        return client

    def kill(self) -> None:
        """Kill the daemon as a crash would."""
        if self.pid is not None and alive(self.pid):
            os.kill(self.pid, signal.SIGKILL)
            until(lambda: not alive(self.pid or 0))

    def end(self) -> None:
        """End everything that this agent and its jobs have started, and remove the socket."""
        for client in self._clients:
            client.close()
        self.kill()
        for pid in marked(self.mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(sqlite3.Error, TypeError):
            shutil.rmtree(self.vault, ignore_errors=True)
        shutil.rmtree(self._sockets, ignore_errors=True)


def job(run: str = "", **fields: Any) -> dict[str, Any]:
    """The parameters of a submit."""
    job.count = getattr(job, "count", 0) + 1  # type: ignore[attr-defined]
    return {
        "key": f"k{job.count}", "name": "n", "user": "u", "setup": "", "run": run, "envs": {}, "secrets": {},  # type: ignore[attr-defined]
        "num_nodes": 1, "cpus": 0, "gpus": 0, "workdir": "", "task_id": "t", "cluster_info": {}, "epoch": 1, **fields,
    }  # fmt: skip


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def marked(text: str) -> list[int]:
    """The live processes with this text in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if text.encode() in (entry / "environ").read_bytes() and alive(int(entry.name)):
                    found.append(int(entry.name))
    return found


def until(condition: Any, seconds: float = DEADLINE) -> Any:
    """Wait until something is true, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
    return found
