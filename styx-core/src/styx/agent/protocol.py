"""What a client and an agent say to each other, and how it is framed.

Frames
    4 bytes of payload length (big endian), 1 byte of kind (``J`` JSON, ``B`` raw bytes), the payload. A frame that is
    longer than :data:`MAX_FRAME` or of another kind gets one error answer with id null, and the connection is closed.

Messages
    request    ``{"id": n, "method": "jobs.submit", "params": {...}}``; any number may be in flight on a connection
    answer     ``{"id": n, "result": {...}}`` or ``{"id": n, "error": {"code": "...", "message": "..."}}``
    stream     ``{"id": n, "item": {...}}`` any number of times before the answer
    log item   ``{"id": n, "item": {"rank": r, "offset": o, "size": k}}``, and right after it one ``B`` frame of k bytes
    cancel     ``{"id": n, "cancel": true}`` from the client ends request n, which answers with code ``cancelled``

Running it (``build.build()`` gives the archive)
    python3 styx-agent-HASH.pyz unpack DIR                  -> prints {"program": "DIR/HASH/main.py"}; once, atomic
    python3 -I -S PROGRAM daemon --state DIR --socket PATH [--idle-exit SECONDS]
        -> prints {"pid": n} and exits 0 when the socket answers; exits 75 when one already runs on this state,
        printing {"pid": n, "running": true}
    python3 -I -S PROGRAM bridge --socket PATH [--start SCRIPT]
        standard input and output become a connection; where nobody listens SCRIPT starts the daemon first
    python3 -I -S PROGRAM ping --socket PATH                -> prints hello's answer; exits 69 when nobody answers
    python3 -I -S PROGRAM version                           -> prints {"protocol": 1, "build": "HASH"}

An ``epoch`` is that of the server which gives the orders: once a node has heard one, those of a lower one are refused
(``stale_epoch``). Clients by themselves have epoch 0, which binds nobody and is always heard.

Times are unix seconds (float) or null, sizes bytes. Versions :data:`PROTOCOL` and one less talk to each other.

Methods
    hello {protocol, client}
        -> {protocol, build, python, pid, boot_id, hostname, started_at, cpus, memory, gpus: [{index, name, memory}],
        configured, cluster_key, epoch, containers: true, container: image, empty for none or null if unknown}
    cluster.configure {cluster_key, cluster_name, rank, num_nodes, node_ips: [ip], peers: {"1": {"socket": path,
        "argv": [...]}}, self_stop: {"stop": cmd or null, "down": cmd or null}, notice: cmd or empty, epoch, home,
        env: {name: value}} -> {}
        Stored, idempotent. ``argv`` is a command whose standard input and output are a connection to that peer's
        agent, and which may start it. With a ``socket``, which is tried first, either may be left out. ``home`` is
        where jobs run and their HOME; ``env`` is added to every job's environment. ``notice`` is a command that
        succeeds once the provider has given notice that it takes this machine back.
    container.prepare {image, registry, username, password} -> {said}
        Fetches the image and starts this node's container, unless it runs. ``said`` is what the user should know.
    jobs.submit {key, name, user, setup, run, envs, secrets, num_nodes, cpus, gpus, workdir, container: image or empty,
        task_id, cluster_info: {...}, epoch} -> {id}
        The same key is the same job. A claim of 0 CPUs and 0 GPUs always starts; others start first in, first out.
    jobs.list {ids: [id] or absent} -> {jobs: [job]}, newest first, as many as one frame holds
        job: {id, key, name, user, state, submitted_at, started_at, ended_at, exit_code, num_nodes, cpus, gpus,
        ranks: {"0": exit code}, reason}; states as in ``styx.api.JobState``
    jobs.wait {id} -> job, once it has ended
    jobs.cancel {ids: [id] or null for all, epoch} -> {cancelled: [id]}, once they have ended
    logs.read {id, rank or null for all, follow, tail: lines or null, offsets: {"0": byte} or null} -> log items, {}
        With ``follow`` until the job has ended and all of it has been sent. ``offsets`` wins over ``tail``.
    metrics.sample {} -> {at, cpu_percent, memory_used, memory_total, disk_used, disk_total, net_received, net_sent,
        load, gpus: [{index, utilization, memory_used, memory_total}]}
    autostop.set {idle_minutes, down, wait_for: jobs_and_ssh | jobs | none} or {"policy": null} -> {}
        Setting restarts the idle clock.
    autostop.get {} -> {policy: {...} or null, idle_seconds}
    agent.shutdown {cancel_jobs} -> {}, then the daemon exits; with ``cancel_jobs`` every job's processes are dead by
        then, here and on the peers, whose agents end too

Notices
    The answers to hello, jobs.list, jobs.wait, logs.read (each item too) and metrics.sample also have ``notices:
    {"0": time}`` where nodes, by their number, were given notice that they are taken back, as far as the node that
    answers knows: each of itself, and the head of those that run its jobs.

From a head to its peers
    gang.reserve {job, rank, spec: {setup, run, env, secrets, workdir, container}, cpus, gpus: [index], hold, epoch,
        seconds} -> {}
        Nothing starts; the claim lapses after ``seconds`` without a commit.
    gang.commit {job, rank} -> {}      start; idempotent; ``not_reserved`` after the claim has lapsed
    gang.go {job, rank} -> {}          let a rank that was reserved with ``hold`` go on from its set-up to its run
    gang.watch {job, rank} -> items {phase, code, notice: time or null}, on every change and as a heartbeat; {} once the
        rank has ended
        phases: setting_up, ready, running, exited, setup_failed, lost
    gang.cancel {job, rank} -> {}, once its processes are dead or its claim is dropped
    node.self_stop {mode: stop | down} -> {}, then the node's own command for it is run

Error codes
    bad_request, unknown_method, unsupported_protocol, not_found, stale_epoch, too_large, not_head, not_reserved,
    unreachable, no_self_stop, no_container, no_space, too_many, cancelled, shutting_down, internal
"""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator, Protocol

    class Stream(Protocol):
        """A connected stream, as in ``styx.api.transport.ByteStream`` or a pair of asyncio streams."""

        async def readexactly(self, count: int) -> bytes:
            """Read exactly this many bytes."""

        def write(self, data: bytes) -> None:
            """Queue bytes."""

        async def drain(self) -> None:
            """Wait until the queue is short."""


PROTOCOL = 1
MAX_FRAME = 1 << 20
MAX_SOCKET_PATH = 100
JSON = b"J"
BYTES = b"B"
HEADER = 5


class ProtocolError(Exception):
    """The other side sent something that is no frame or no message; the connection is of no more use."""


class AgentError(Exception):
    """An agent refused a request. ``code`` is one of the error codes above."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def encode(kind: bytes, payload: bytes) -> bytes:
    """Return one frame. Raises ProtocolError when the payload is longer than MAX_FRAME."""
    if len(payload) > MAX_FRAME:
        raise ProtocolError(f"a frame of {len(payload)} bytes is longer than the limit of {MAX_FRAME}")
    return len(payload).to_bytes(4, "big") + kind + payload


def encode_json(message: dict[str, Any]) -> bytes:
    """Return one JSON frame."""
    return encode(JSON, json.dumps(message, separators=(",", ":")).encode())


def decode_header(header: bytes) -> tuple[int, bytes]:
    """Return (payload length, kind) of a frame from its first HEADER bytes; raises ProtocolError."""
    size, kind = int.from_bytes(header[:4], "big"), header[4:5]
    if kind not in (JSON, BYTES):
        raise ProtocolError(f"a frame of unknown kind {kind!r}")
    if size > MAX_FRAME:
        raise ProtocolError(f"a frame of {size} bytes is longer than the limit of {MAX_FRAME}")
    return size, kind


def decode_json(payload: bytes) -> dict[str, Any]:
    """Return the message in a JSON frame's payload; raises ProtocolError unless it is an object."""
    try:
        message = json.loads(payload)
    except (ValueError, RecursionError):
        raise ProtocolError("a frame that is not valid JSON") from None
    if not isinstance(message, dict):
        raise ProtocolError("a message that is not a JSON object")
    return message


class Decoder:
    """Cuts a stream of bytes, fed in any pieces, into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Take in bytes and yield each (kind, payload) that is now complete; raises ProtocolError."""
        buffer = self._buffer
        buffer += data
        start = 0
        try:
            while len(buffer) - start >= HEADER:
                size, kind = decode_header(bytes(buffer[start : start + HEADER]))
                end = start + HEADER + size
                if len(buffer) < end:
                    break
                yield kind, bytes(buffer[start + HEADER : end])
                start = end
        finally:
            del buffer[:start]


async def read_frame(stream: Stream) -> tuple[bytes, bytes]:
    """Read one (kind, payload). Raises ProtocolError, and what ``readexactly`` raises at an early end."""
    size, kind = decode_header(await stream.readexactly(HEADER))
    return kind, await stream.readexactly(size)


async def write_message(stream: Stream, message: dict[str, Any]) -> None:
    """Send one JSON message and wait until the stream takes more."""
    stream.write(encode_json(message))
    await stream.drain()
