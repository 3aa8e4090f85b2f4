"""What peers may send, on purpose or by mistake: a clear refusal or a clean end, never a traceback; nothing is lost."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from support.servers import Server

PROBLEM = "application/problem+json"


def raw(server: Server, data: bytes) -> bytes:
    """What comes back for these bytes, until the server closes."""
    with server.connect() as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def request(server: Server, *lines: str, body: bytes = b"") -> bytes:
    """The answer to a request written by hand."""
    head = [*lines, "host: x", f"authorization: Bearer {server.token}", "connection: close"]
    return raw(server, "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body)


def test_bodies_of_the_wrong_form(server: Server) -> None:
    """Malformed, deep, of the wrong type, with half a character or no number: 422, which says where."""
    deep = b'{"task":' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}"
    for body in (b"", b"{", b"[]", b'"x"', b"null", b"\xff\xfe", deep, b"[" * 100_000, b'{"task": {"run": "\\ud800"}}',
                 b'{"task": {"num_nodes": NaN}}', b'{"task": 1}', b'{"task": {}, "secrets": {"A": 1}}'):  # fmt: skip
        refused = server.ask("POST", "/v1/tasks", body, headers={"content-type": "application/json"})
        assert (refused.status, refused.headers["content-type"]) == (422, PROBLEM), body[:40]
        assert refused.json["code"] == "invalid_body"
    assert server.ask("POST", "/v1/tasks", b'{"task": {}}', headers={"content-type": "text/plain"}).status == 422


def test_what_nests_as_deep_as_is_taken_breaks_nothing(server: Server) -> None:
    """A body just below the limit is read, checked and refused for what it says, not for how deep it goes."""
    for depth in (50, 150, 195):
        for opening, closing in (('{"a":', "}"), ("[", "]")):
            nested = opening * depth + "1" + closing * depth
            for field in ("run", "envs", "resources", "file_mounts", "service", "config", "x"):
                body = f'{{"task": {{"{field}": {nested}}}}}'.encode()
                for path in ("/v1/tasks", "/v1/tasks/explain", "/v1/jobs"):
                    answer = server.ask("POST", path, body, headers={"content-type": "application/json"})
                    assert answer.status in {200, 400, 422}, (path, field, depth, answer.body[:300])


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" * 5000, "1e-999", "0." + "1" * 5000])
def test_numbers_that_are_none(server: Server, number: str) -> None:
    """Infinities and numbers of thousands of digits are refused wherever a number may stand."""
    for field in ("num_nodes", "resources", "envs"):
        value = {
            "num_nodes": number,
            "resources": f'{{"cpus": {number}, "disk_size": {number}}}',
            "envs": f'{{"A": {number}}}',
        }
        for path in ("/v1/tasks", "/v1/tasks/explain"):
            body = f'{{"task": {{"{field}": {value[field]}}}}}'.encode()
            answer = server.ask("POST", path, body, headers={"content-type": "application/json"})
            assert answer.status in {200, 400, 409, 422}, answer.body


def test_bodies_that_are_too_large(server: Server) -> None:
    """Refused before they are read where their length is told, and else once they have come to it."""
    large = b'{"task": {"run": "' + b"x" * (9 << 20) + b'"}}'
    for headers in (
        {"content-type": "application/json"},
        {"content-type": "application/json", "idempotency-key": "big"},
    ):
        refused = server.ask("POST", "/v1/tasks", large, headers=headers)
        assert (refused.status, refused.json["code"]) == (413, "too_large")
    told = request(server, "POST /v1/tasks HTTP/1.1", f"content-length: {1 << 40}", "content-type: application/json")
    assert b" 413 " in told.split(b"\r\n")[0]
    chunks = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    sent = request(server, "POST /v1/tasks HTTP/1.1", "transfer-encoding: chunked", body=chunks * 200 + b"0\r\n\r\n")
    assert b" 413 " in sent.split(b"\r\n")[0]
    assert server.ask("GET", "/health").status == 200


def test_headers_that_are_too_large_or_none(server: Server) -> None:
    """431 for what is too long, 400 for what is no HTTP; both are problems."""
    for data, status in (
        (b"GET / HTTP/1.1\r\nhost: x\r\n" + b"a: " + b"x" * 100_000 + b"\r\n\r\n", 431),
        (b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nhost: x\r\n" + b"a: b\r\n" * 20_000 + b"\r\n", 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500 + b"\r\n\r\n", 400),
        (b"hello\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\na\x00b: c\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 1, 2\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n", 400),
    ):
        head, _, body = raw(server, data).partition(b"\r\n\r\n")
        assert head.split(b" ")[1] == str(status).encode(), (data[:60], head)
        assert PROBLEM.encode() in head
        assert json.loads(body)["status"] == status


def test_two_lengths_are_no_way_past_the_limits(server: Server) -> None:
    """A request whose end could be seen in two ways is refused, and nothing behind it is taken for another."""
    smuggled = b"0\r\n\r\nGET /v1/me HTTP/1.1\r\nhost: x\r\n\r\n"
    lines = f"POST /v1/tasks HTTP/1.1|host: x|authorization: Bearer {server.token}|content-length: 4".replace(
        "|", "\r\n"
    )
    answer = raw(server, f"{lines}\r\ntransfer-encoding: chunked\r\n\r\n".encode() + smuggled)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b" 400 " in answer.split(b"\r\n")[0]


def test_nobody_writes_into_the_headers_of_answers(server: Server) -> None:
    """What a request says is in no header of the answer, whatever characters it has."""
    evil = "x\r\nset-cookie: a=b"
    places = ("clusters/x{}", "{}", "jobs?name={}", "plugins/x{}", "requests/{}", "users/{}")
    for path in (f"/v1/{place.format('%0d%0aset-cookie:%20a=b')}" for place in places):
        assert "set-cookie" not in server.ask("GET", path).headers
    named = server.ask("POST", "/v1/users", {"name": evil})
    assert (named.status, "set-cookie" in named.headers) == (422, False)
    own = server.ask("GET", "/ready", headers={"x-request-id": "mine", "origin": "https://evil.example"})
    assert own.headers["x-request-id"] != "mine"
    assert not [name for name in own.headers if name.startswith("access-control")]


_NAMES = (
    "%2e%2e",
    "..%2fsecret.key",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "a%00b",
    "/etc",
    "...",
    "-x",
    "%c3%a9",
    "x" * 64,
)


@pytest.mark.parametrize("name", _NAMES)
def test_names_are_no_paths(server: Server, name: str) -> None:
    """Whatever a name holds, no file is found by it; nor does anything fail."""
    for template in ("/v1/files/{}", "/v1/clusters/{}", "/v1/clusters/{}/jobs", "/v1/requests/{}", "/v1/plugins/{}",
                     "/v1/clouds/{}/policy", "/v1/jobs/{}", "/v1/clusters/{}/history"):  # fmt: skip
        for method in ("GET", "PUT", "DELETE"):
            answer = server.ask(method, template.format(name), b"x" if method == "PUT" else None)
            assert 400 <= answer.status < 500, (template, answer.body)
            assert b"root:" not in answer.body
    assert (server.home / "secret.key").exists()


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> tuple[str, bytes]:
    """An archive of these, and its address."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for member, data in members:
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return f"/v1/files/{hashlib.sha256(packed.getvalue()).hexdigest()}", packed.getvalue()


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    """A link in an archive."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def test_archives_stay_where_they_are_unpacked(server: Server, tmp_path: Path) -> None:
    """No file, link or device of an archive gets outside of it; what is refused leaves nothing."""
    device = tarfile.TarInfo("content/zero")
    device.type, device.devmajor, device.devminor = tarfile.CHRTYPE, 1, 5
    file = tarfile.TarInfo
    for members in (
        [(file("content/../../escaped"), b"x")],
        [(file("../escaped"), b"x")],
        [(file(str(tmp_path / "escaped")), b"x")],
        [(file("elsewhere"), b"x")],
        [(link("content/a", "/etc/passwd"), b"")],
        [(link("content/a", "../../../secret.key"), b"")],
        [(link("content/a", "../secret", tarfile.LNKTYPE), b"")],
        [(link("content", "../.."), b""), (file("content/escaped"), b"x")],
        [(device, b"")],
    ):
        path, data = archive(*members)
        refused = server.ask("PUT", path, data)
        assert (refused.status, server.ask("HEAD", path).status) == (400, 404), (members[0][0].name, refused.body)
    path, data = archive((file("content/fine"), b"x"))
    assert server.ask("PUT", path, data + b"more").status == 400
    assert server.ask("PUT", path, data[:100]).status == 400
    junk = b"no archive at all"
    assert server.ask("PUT", f"/v1/files/{hashlib.sha256(junk).hexdigest()}", junk).status == 400
    assert [each.name for each in (server.home / "uploads").iterdir()] == []
    assert not [*tmp_path.iterdir(), *server.home.glob("**/escaped")]


def test_an_archive_that_grows_without_end_is_refused(server: Server) -> None:
    """A few kilobytes that unpack to a gigabyte are no upload."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo("content/zeros")
        member.size = 256 << 20
        tar.addfile(member, io.BytesIO(bytes(member.size)))
    data = packed.getvalue()
    refused = server.ask("PUT", f"/v1/files/{hashlib.sha256(data).hexdigest()}", data)
    assert (refused.status, refused.json["code"]) == (413, "too_large")


def test_no_task_names_a_file_of_the_servers(server: Server) -> None:
    """Whatever way a path is written, it means one of the client's, and has to be sent."""
    for task in (
        {"workdir": "/etc"}, {"workdir": "."}, {"workdir": "~"}, {"workdir": "../.."},
        {"file_mounts": {"a": "/etc/passwd"}}, {"file_mounts": {"a": "~/.ssh/id_rsa"}},
        {"file_mounts": {"a": {"name": "bucket", "source": "/etc"}}},
        {"file_mounts": {"a": {"name": "bucket", "source": ["/etc", "file://x/y"]}}},
        {"workdir": str(server.home)}, {"workdir": str(server.home / "uploads")},
    ):  # fmt: skip
        for path in ("/v1/clusters", "/v1/jobs"):
            refused = server.ask("POST", path, {"task": {"run": "true", **task}})
            assert (refused.status, refused.json["code"]) == (400, "invalid_task"), task
        dag = {"dag": {"tasks": [{"task": {"run": "true", **task}}]}}
        assert server.ask("POST", "/v1/dags", dag).status == 400
        assert server.ask("POST", "/v1/dags/run", dag).status == 400
        assert server.ask("POST", "/v1/dags/plan", dag).status in {200, 409}


def test_secrets_are_told_to_nobody(server: Server) -> None:
    """Values of secrets come back in no answer, error, log or row, whatever is asked with them."""
    body = {"task": {"run": "true", "secrets": {"TOKEN": None}}, "secrets": {"TOKEN": "hunter2-hunter2"}}
    answers = [server.ask("POST", path, body) for path in ("/v1/tasks", "/v1/tasks/explain", "/v1/jobs")]
    answers.append(server.ask("POST", "/v1/tasks", {**body, "task": {"run": "true"}}))
    answers.append(
        server.ask("POST", "/v1/jobs", {**body, "task": {"run": "true", "secrets": {"TOKEN": None}, "cpus": "x"}})
    )
    answers.append(server.ask("POST", "/v1/tasks", {**body, "secrets": {"TOKEN": ["hunter2-hunter2"]}}))
    assert {answer.status for answer in answers} <= {200, 201, 400, 422}
    said = b"".join(answer.body for answer in answers) + (server.home / "server.log").read_bytes()
    said += b"".join(path.read_bytes() for path in server.home.glob("state.db*"))
    assert b"hunter2" not in said
    assert server.ask("GET", "/v1/jobs?limit=1").json["items"][0]["sealed"] is None


def test_methods_and_addresses_that_are_not_there(server: Server) -> None:
    """404 and 405 are problems too, and say what is allowed."""
    assert server.ask("GET", "/v1/nothing").json["code"] == "no_such_thing"
    wrong = server.ask("PATCH", "/v1/clusters")
    assert (wrong.status, wrong.json["code"]) == (405, "wrong_method")
    assert set(wrong.headers["allow"].split(", ")) <= {"GET", "POST", "HEAD"}
    assert server.ask("OPTIONS", "/v1/clusters").status == 405
    assert server.ask("GET", "/v1/clusters/").status == 404
