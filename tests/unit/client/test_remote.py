"""What the client of a server makes of the bytes that it gets, and sends."""

from __future__ import annotations

import io
import json
import os
import tarfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api.errors import BadInput, ClusterBusy, InvalidConfig, InvalidTask, TransportError
from styx.client import connect
from styx.client.embedded import EmbeddedClient
from styx.client.login import Login, save
from styx.client.refusals import Forbidden, NoSuchThing, TooManyRequests, Unauthenticated
from styx.client.remote import dags, files
from styx.client.remote.client import RemoteClient
from styx.client.remote.events import Event, parse
from styx.client.remote.http import Http, encoded, problem, speaks
from styx.client.wire import Unreadable
from styx.spec import Dag, Task
from styx.store.access import UserNotFound
from styx.transports.tree import pieces


def test_which_client(styx_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server of the environment is asked, else the one that is logged in to; without any, the engine runs here."""
    assert isinstance(connect(), EmbeddedClient)
    save(Login("https://kept", "styx_1_a"))
    kept = connect()
    assert isinstance(kept, RemoteClient)
    assert kept.url == "https://kept"
    monkeypatch.setenv("STYX_API_URL", "said.example.org")
    said = connect()
    assert isinstance(said, RemoteClient)
    assert said.url == "https://said.example.org"
    monkeypatch.setenv("STYX_API_URL", "ftp://x")
    with pytest.raises(BadInput, match="not the URL of a server"):
        connect()


@pytest.mark.parametrize("token", ["styx_1_a\nx-forwarded-for: 1.2.3.4", "styx_1_\N{PILE OF POO}"])
def test_what_is_no_token(token: str) -> None:
    """A token that would become another header, or none, is refused before anything is sent, and is not shown."""
    with pytest.raises(InvalidConfig) as caught:
        Http("http://x", token)
    assert "styx_1_" not in caught.value.message


def test_a_fingerprint_is_never_passed_over() -> None:
    """A server that is known by its certificate has to show it."""
    with pytest.raises(InvalidConfig, match="shows no certificate"):
        Http("http://127.0.0.1", "styx_1_a", "ab" * 32)


STREAM = (
    b": still here\n\n"
    b'id: 1\nevent: progress\ndata: {"phase":"plan"}\n\n'
    b'event: note\ndata: [1,\ndata: "\xc3\xa9"]\n\n'
    b'id: 3\nevent: end\ndata: {}\n\nevent: cut\ndata: {"a'
)


@given(st.lists(st.integers(0, len(STREAM)), max_size=8).map(sorted))
def test_events_in_any_pieces(cuts: list[int]) -> None:
    """However a stream is cut up on its way, its events are the same; what has no end yet is none."""
    edges = [0, *cuts, len(STREAM)]
    assert [*parse(STREAM[low:high] for low, high in pairwise(edges))] == [
        Event("progress", {"phase": "plan"}, "1"),
        Event("note", [1, "é"], ""),
        Event("end", {}, "3"),
    ]


@pytest.mark.parametrize(
    ("theirs", "understood"),
    [
        ("1.4.0", True),
        ("1.3.9", True),
        ("1.5.0rc1", True),
        ("1.2.0", False),
        ("2.4.0", False),
        ("", False),
        ("x.y", False),
    ],
)
def test_versions(theirs: str, understood: bool) -> None:
    """Versions understand each other when they are of one minor version, or of two that follow."""
    assert speaks(theirs, "1.4.2") is understood


def test_queries() -> None:
    """What is None is not asked for, a list is asked for item by item, and truth is written as JSON has it."""
    assert encoded({"name": ["a b", "c"], "refresh": True, "after": None, "limit": 3}) == (
        "?name=a+b&name=c&refresh=true&limit=3"
    )
    assert encoded({"after": None}) == ""


def test_problems_are_the_errors_they_were() -> None:
    """What a server answers with is raised as what it was there, also where the contract does not know the class."""
    said = {"code": "cluster_busy", "detail": "busy", "hint": "wait", "details": {"cluster": "dev"}, "status": 409}
    error = problem(409, json.dumps(said).encode(), "http://x")
    assert type(error) is ClusterBusy
    assert (error.message, error.hint, error.cluster, error.exit_code) == ("busy", "wait", "dev", 75)
    own = problem(404, json.dumps({"code": UserNotFound.code, "detail": "no"}).encode(), "http://x")
    assert type(own) is UserNotFound


@pytest.mark.parametrize(
    ("status", "content", "kind"),
    [
        (404, b"<html>", NoSuchThing),
        (401, b"", Unauthenticated),
        (403, b"", Forbidden),
        (429, b"", TooManyRequests),
        (502, b"<html>Bad Gateway", TransportError),
        (200, b"<html>Welcome", Unreadable),
        (500, b'{"detail": 7}', Unreadable),
        (500, b'["detail"]', Unreadable),
        (500, b"\xff", Unreadable),
    ],
)
def test_answers_of_others(status: int, content: bytes, kind: type[Exception]) -> None:
    """What is no answer of a server of Styx is told as that, and is never a traceback."""
    assert isinstance(problem(status, content, "http://x"), kind)


def _tree(root: Path) -> None:
    (root / "pkg").mkdir(parents=True)
    (root / "pkg" / "b.py").write_text("b")
    (root / "a.py").write_text("a")
    (root / "secret.env").write_text("TOKEN=1")
    (root / ".styxignore").write_text("secret.env\n")
    (root / "link").symlink_to("a.py")
    for path in (root / "pkg" / "b.py", root / "a.py", root / ".styxignore"):
        os.utime(path, (1e9, 1e9))
    os.utime(root / "link", (1e9, 1e9), follow_symlinks=False)
    os.utime(root / "pkg", (1e9, 1e9))


def test_archives_are_of_what_a_node_would_get(tmp_path: Path) -> None:
    """An archive holds what a copy to a node would take, and the same tree elsewhere makes the same archive."""
    for name in ("one", "two"):
        _tree(tmp_path / name)
    one, two = (files.archived(tmp_path / name, wrapped=False) for name in ("one", "two"))
    content = b"".join(pieces(one.found))
    assert len(content) == one.size
    assert one.digest == two.digest
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        names = sorted(member.name.removeprefix("./") for member in tar)
        assert names == [
            "content", "content/.styxignore", "content/a.py", "content/link", "content/pkg", "content/pkg/b.py"
        ]  # fmt: skip
    (tmp_path / "two" / "a.py").write_text("c")
    assert files.archived(tmp_path / "two", wrapped=False).digest != one.digest


def test_a_file_keeps_its_name_where_that_counts(tmp_path: Path) -> None:
    """A file that a bucket is filled with lies in a directory, under its name; any other is called by its target."""
    path = tmp_path / "model.bin"
    path.write_bytes(b"x")
    for wrapped, name in ((True, "content/model.bin"), (False, "content")):
        with tarfile.open(fileobj=io.BytesIO(b"".join(pieces(files.archived(path, wrapped=wrapped).found)))) as tar:
            assert tar.getnames() == [f"./{name}"]


@pytest.mark.parametrize("link", ["/etc/hostname", "../other", "pkg/../../x"])
def test_links_that_lead_away(tmp_path: Path, link: str) -> None:
    """A link out of a directory is refused here, by its name: at the server it would mean something else."""
    (tmp_path / "away").symlink_to(link)
    with pytest.raises(InvalidTask, match="away is a link to"):
        files.archived(tmp_path, wrapped=False)


class _Server:
    """Takes what it is sent, and has what it was given."""

    def __init__(self, *there: str) -> None:
        self.there, self.taken = set(there), dict[str, bytes]()

    def has(self, path: str) -> bool:
        return path in self.there

    def put(self, path: str, body: object, size: int) -> None:
        content = b"".join(body())  # type: ignore[operator]
        assert len(content) == size
        self.taken[path] = content


def test_tasks_bring_their_files(tmp_path: Path) -> None:
    """Files go ahead of their task unless they are there; secrets beside it; a file into a directory keeps its name."""
    (tmp_path / "data.csv").write_text("1,2")
    (tmp_path / "src").mkdir()
    task = Task(
        run="true", workdir="src", file_mounts={"in/": "data.csv", "x": "s3://b/k"}, secrets={"T": "hunter2"},
        base_dir=tmp_path,
    )  # fmt: skip
    server = _Server()
    body = files.sent(server, task)  # type: ignore[arg-type]
    data, src = str(tmp_path / "data.csv"), str(tmp_path / "src")
    assert body["task"]["file_mounts"] == {"in/data.csv": data, "x": "s3://b/k"}
    assert body["task"]["secrets"] == {"T": None}
    assert body["secrets"] == {"T": "hunter2"}
    assert set(body["files"]) == {data, src}
    assert {f"/v1/files/{digest}" for digest in body["files"].values()} == set(server.taken)
    again = _Server(*server.taken)
    assert files.sent(again, task) == body  # type: ignore[arg-type]
    assert again.taken == {}


def test_what_is_missing_here_is_not_sent(tmp_path: Path) -> None:
    """A file that is not there, and a secret without a value, is told before anything goes over."""
    with pytest.raises(InvalidTask, match="does not exist"):
        files.sent(_Server(), Task(run="true", workdir="nowhere", base_dir=tmp_path))  # type: ignore[arg-type]
    with pytest.raises(InvalidTask, match="'T' has no value"):
        files.sent(_Server(), Task(run="true", secrets={"T": None}))  # type: ignore[arg-type]


def test_dags_of_sweeps() -> None:
    """A Dag goes over with every edge said, as names of sweeps mean nothing at the other end."""
    with Dag("d") as dag:
        fit = Task("fit", run="true")
        [fit, *Task("one", run="true").foreach(2)] >> dag.add(Task("last", run="true").after("one"))  # type: ignore[operator]
    body = dags.planned(dag)
    names = [each["task"]["name"] for each in body["tasks"]]
    assert {(names[low], names[high]) for low, high in body["edges"]} == {
        ("fit", "last"), ("one-0", "last"), ("one-1", "last")
    }  # fmt: skip
    assert all("depends_on" not in each["task"] for each in body["tasks"])
