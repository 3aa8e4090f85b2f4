"""Containers of whole clusters: prepared, used, found again, and gone with the cluster; private registries included."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import json
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from styx.api import BackendError, Login
from styx.builtin.agent import install
from styx.builtin.agent.backend import AgentBackend
from styx.engine import container
from styx.testing import services
from styx.testing.cluster import ProcessCluster, process_cluster
from support import before, docker
from support.clusters import job, output, until

pytestmark = pytest.mark.skipif(bool(docker.missing()), reason=docker.missing() or "-")
PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def image() -> str:
    """A small image."""
    return docker.make_image()


@pytest.fixture
async def pair(backend: AgentBackend) -> AsyncIterator[ProcessCluster]:
    """Two nodes, prepared; no container of them is left."""
    async with process_cluster(2) as made:
        await backend.prepare(made)
        yield made
        for rank in range(2):
            docker.remove(f"{made.key}-{rank}")


async def test_containers_of_a_cluster_from_their_first_to_their_last_day(
    backend: AgentBackend, pair: ProcessCluster, image: str
) -> None:
    """Preparing again keeps what was installed; removing the cluster removes them, with all that runs inside."""
    assert await backend.prepare_container(pair, image) == []
    installed = await backend.submit(pair, job("touch /usr/it", num_nodes=2, container=image))
    await backend.wait(pair, installed)
    await backend.prepare_container(pair, image)
    number = await backend.submit(pair, job("ls /usr", num_nodes=2, container=image))
    assert await output(backend, pair, number) == {0: "it\n", 1: "it\n"}
    await backend.submit(pair, job("setsid sleep 300 & sleep 300", num_nodes=2, container=image))
    await backend.shutdown(pair)
    assert [docker.inspect(f"{pair.key}-{rank}") for rank in range(2)] == [None, None]


async def test_the_next_client_learns_of_the_container(
    backend: AgentBackend, pair: ProcessCluster, image: str, tmp_path: Path
) -> None:
    """From the nodes alone, as after the database was lost; a build that has noted no image leaves it open."""
    other = AgentBackend(services(tmp_path / "other"))
    assert await other.container_image(pair) == ""
    await backend.prepare_container(pair, image)
    assert await other.container_image(pair) == image
    (mark,) = pair.home(0).glob(".styx/clusters/*/0/jobs/container")
    mark.write_text("")
    assert await other.container_image(pair) is None


async def test_containers_outlive_a_stop(backend: AgentBackend, pair: ProcessCluster, image: str) -> None:
    """Nothing runs in them then; once the cluster is prepared again, jobs find what was installed."""
    await backend.prepare_container(pair, image)
    installed = await backend.submit(pair, job("touch /usr/it; setsid sleep 300 &", num_nodes=2, container=image))
    await backend.wait(pair, installed)
    await backend.shutdown(pair, keep=True)
    assert [(docker.inspect(f"{pair.key}-{rank}") or {})["State"]["Running"] for rank in range(2)] == [False, False]
    await backend.prepare(pair)
    number = await backend.submit(pair, job("ls /usr", num_nodes=2, container=image))
    assert await output(backend, pair, number) == {0: "it\n", 1: "it\n"}


async def test_file_mounts_show_in_the_container(backend: AgentBackend, pair: ProcessCluster, image: str) -> None:
    """Wherever they are meant to be, also those that came after it was made; told twice, they are shown once."""
    await backend.prepare_container(pair, image)
    targets = ["/data/set", "~/.config/tool/", "words", "/data/set"]
    for rank in range(2):
        for target in targets:
            file = pair.home(rank) / container.place_of(target).removeprefix("~/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{rank} {target}\n")
    for _ in range(2):
        await container.show(pair, targets)  # type: ignore[arg-type]
    number = await backend.submit(pair, job("cat /data/set ~/.config/tool ~/words", num_nodes=2, container=image))
    expected = "{0} /data/set\n{0} ~/.config/tool/\n{0} words\n"
    assert await output(backend, pair, number) == {rank: expected.format(rank) for rank in range(2)}
    noted = (pair.home(0) / ".styx_container/mounts").read_text()
    assert noted == "/data/set\n.config/tool\nwords\n"


async def test_agents_of_the_build_before_are_given_no_job_for_a_container(
    backend: AgentBackend, pair: ProcessCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would run it outside of one."""
    async with process_cluster() as cluster:
        with monkeypatch.context() as yesterday:
            yesterday.setattr(install, "archive", before.archive)
            await backend.prepare(cluster)
        with pytest.raises(BackendError, match="of a build that knows no containers"):
            await backend.submit(cluster, job("true", container="image"))
        assert await backend.jobs(cluster) == []


class Registry(ThreadingHTTPServer):
    """A registry with one image, for whoever knows the password, as Docker's own protocol has it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Registry)
        layer = docker.layer()
        config = {
            "architecture": "amd64", "os": "linux", "config": {"Env": ["OF_THE_IMAGE=private"]},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }  # fmt: skip
        self.blobs: dict[str, bytes] = {}
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        self.manifest = json.dumps({
            "schemaVersion": 2, "mediaType": kind,
            "config": self._blob("application/vnd.docker.container.image.v1+json", json.dumps(config).encode()),
            "layers": [self._blob("application/vnd.docker.image.rootfs.diff.tar.gzip", gzip.compress(layer))],
        }).encode()  # fmt: skip
        self.kind = kind
        self.name = f"127.0.0.1:{self.server_address[1]}"

    def _blob(self, kind: str, data: bytes) -> dict[str, Any]:
        self.blobs[_digest(data)] = data
        return {"mediaType": kind, "size": len(data), "digest": _digest(data)}


class _Registry(BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        """Answer, if it is one of us who asks."""
        known = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {known}":
            self._answer(401, b"{}", WWW_Authenticate='Basic realm="styx"')
        elif "/manifests/" in self.path:
            made = self.server
            self._answer(200, made.manifest, made.kind, Docker_Content_Digest=_digest(made.manifest))
        elif "/blobs/" in self.path:
            self._answer(200, self.server.blobs[self.path.rpartition("/")[2]])
        else:
            self._answer(200, b"{}")

    do_HEAD = do_GET  # noqa: N815 - its caller calls it so

    def _answer(self, status: int, body: bytes, kind: str = "application/octet-stream", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


@pytest.fixture
def registry() -> Iterator[Registry]:
    """A private registry; nothing of its image is left."""
    made = Registry()
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()
    docker.docker("rmi", "-f", "team/image:1", f"{made.name}/team/image:1", check=False)


async def test_an_image_of_a_private_registry(backend: AgentBackend, pair: ProcessCluster, registry: Registry) -> None:
    """With its password, which stays nowhere; by its name alone from then on, as in SkyPilot."""
    others = set(_logins())
    with pytest.raises(BackendError, match="refuses this name and password: "):
        await backend.prepare_container(pair, "team/image:1", Login(registry.name, "me", "guessed"))
    await backend.prepare_container(pair, "team/image:1", Login(registry.name, "me", PASSWORD))
    number = await backend.submit(pair, job("echo $OF_THE_IMAGE", num_nodes=2, container="team/image:1"))
    assert await output(backend, pair, number) == {0: "private\n", 1: "private\n"}
    docker.remove(f"{pair.key}-0")
    number = await backend.submit(pair, job("echo $OF_THE_IMAGE", container="team/image:1"))
    assert await output(backend, pair, number) == {0: "private\n"}
    await until(lambda: others.issuperset(_logins()))
    kept = await asyncio.to_thread(lambda: [p for p in pair.root.rglob("*") if p.is_file() and _holds(p)])
    assert kept == []


def _logins() -> list[Path]:
    return list(Path("/dev/shm").glob("styx-login.*"))


def _holds(path: Path) -> bool:
    data = path.read_bytes()
    return PASSWORD.encode() in data or base64.b64encode(f"me:{PASSWORD}".encode()) in data
