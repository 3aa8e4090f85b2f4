"""Clusters over HTTP: real ones, on this machine."""

from __future__ import annotations

import base64
from typing import Any

from styx.server.http.responses import encode
from support.servers import Server

LOCAL = {"infra": "local"}


def launched(server: Server, name: str, run: str, **body: Any) -> Any:
    """The result of a launch."""
    task = {"run": run, "resources": LOCAL, **body.pop("task", {})}
    return server.result(server.ask("POST", "/v1/clusters", {"task": task, "options": {"cluster": name}, **body}))


def output(server: Server, path: str) -> bytes:
    """All that a stream of logs has."""
    return b"".join(base64.b64decode(data["data"]) for name, data, _ in server.events(path) if name == "log")


def test_a_task_runs(server: Server) -> None:
    """A launch is a request; its events tell the phases and then the result, and the job's output can be read."""
    asked = server.ask(
        "POST",
        "/v1/clusters",
        {"task": {"run": "echo $GREETING", "secrets": {"GREETING": None}, "resources": LOCAL},
         "secrets": {"GREETING": "hello there"}, "options": {"cluster": "runs"}},
    )  # fmt: skip
    events = [*server.events(f"/v1/requests/{asked.json['id']}/events")]
    assert {data["phase"] for name, data, _ in events if name == "progress"} >= {"plan", "provision", "submit"}
    assert events[-2:] == [
        ("result", {"state": "succeeded", "result": {"cluster": "runs", "job_id": 1, "created": True}}, ""),
        ("end", {}, ""),
    ]
    job = server.ask("GET", "/v1/clusters/runs/jobs/0?wait=30").json
    assert (job["id"], job["state"], job["exit_code"]) == (1, "succeeded", 0)
    assert output(server, "/v1/clusters/runs/jobs/1/logs") == b"hello there\n"
    assert b"hello there" not in b"".join(path.read_bytes() for path in server.home.glob("state.db*"))


def test_logs_go_on_after_the_last_event(server: Server) -> None:
    """Whoever was cut off names the last event and misses nothing, nor gets anything twice."""
    launched(server, "resumes", "for i in 1 2 3; do echo line $i; sleep 0.3; done")
    path = "/v1/clusters/resumes/jobs/1/logs"
    stream = server.events(path)
    name, data, number = next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert name == "log"
    rest = b"".join(
        base64.b64decode(each["data"])
        for kind, each, _ in server.events(path, {"last-event-id": number})
        if kind == "log"
    )
    assert base64.b64decode(data["data"]) + rest == b"line 1\nline 2\nline 3\n"
    tail = server.ask("GET", f"{path}?tail=1&follow=false").body
    assert base64.b64encode(b"line 3\n") in tail


def test_a_cluster_from_beginning_to_end(server: Server) -> None:
    """It can be run on again, stopped, started, given an autostop, and removed; its history stays."""
    launched(server, "lives", "true")
    done = server.result(server.ask("POST", "/v1/clusters/lives/exec", {"task": {"run": "exit 3", "resources": LOCAL}}))
    assert done == {"cluster": "lives", "job_id": 2, "created": False}
    assert server.ask("GET", "/v1/clusters/lives/jobs/2?wait=30").json["exit_code"] == 3
    assert [job["id"] for job in server.ask("GET", "/v1/clusters/lives/jobs").json["items"]] == [2, 1]
    assert server.ask("POST", "/v1/clusters/lives/autostop", {"autostop": {"idle_minutes": 60}}).status == 204
    assert server.ask("GET", "/v1/clusters/lives").json["autostop"]["idle_minutes"] == 60
    assert server.result(server.ask("POST", "/v1/clusters/lives/stop")) is None
    assert server.ask("GET", "/v1/clusters/lives").json["state"] == "stopped"
    refused = server.ask("GET", "/v1/clusters/lives/jobs")
    assert (refused.status, refused.json["code"]) == (409, "cluster_not_up")
    assert server.result(server.ask("POST", "/v1/clusters/lives/start", {})) is None
    assert [node["rank"] for node in server.ask("GET", "/v1/clusters/lives/nodes").json["items"]] == [0]
    assert server.result(server.ask("DELETE", "/v1/clusters/lives")) is None
    assert server.ask("GET", "/v1/clusters/lives").status == 404
    assert server.ask("GET", "/v1/clusters/lives/history").json["items"][-1]["kind"] == "removed"


def test_administrators_work_with_what_is_anothers(server: Server) -> None:
    """They launch on it, set its autostop, end its jobs, remove it; meanwhile it stays its owner's."""
    task = {"run": "true", "resources": LOCAL}
    asked = server.ask("POST", "/v1/clusters", {"task": task, "options": {"cluster": "kims"}}, token=server.made("kim"))
    assert server.result(asked)["created"]
    assert launched(server, "kims", "true") == {"cluster": "kims", "job_id": 2, "created": False}
    assert server.ask("POST", "/v1/clusters/kims/autostop", {"autostop": {"idle_minutes": 60}}).status == 204
    assert server.ask("POST", "/v1/clusters/kims/jobs/cancel", {"ids": None}).status == 200
    assert server.ask("GET", "/v1/clusters/kims").json["user"] == "kim"
    assert server.result(server.ask("DELETE", "/v1/clusters/kims")) is None


def test_what_fails_is_the_same_error(server: Server) -> None:
    """A request that fails tells the error with its code, hint and details, in its events and afterwards."""
    asked = server.ask("POST", "/v1/clusters", {"task": {"run": "x", "resources": {"accelerators": "H900:8"}}})
    problem = server.result(asked)
    assert problem["code"] in {"no_offer", "bad_input"}
    record = server.ask("GET", f"/v1/requests/{asked.json['id']}").json
    assert (record["state"], record["error"]["code"]) == ("failed", problem["code"])


def test_a_request_is_cancelled_as_by_ctrl_c(server: Server) -> None:
    """What a launch that waits has made goes, and its end says so; cancelling it again changes nothing."""
    task = {"run": "true", "setup": "sleep 100", "resources": LOCAL, "file_mounts": {"data": "file://nothing-here"}}
    asked = server.ask(
        "POST", "/v1/clusters", {"task": task, "options": {"cluster": "cancelled", "retry_until_up": True}}
    )
    path = f"/v1/requests/{asked.json['id']}"
    next(server.events(f"{path}/events"))
    assert server.ask("POST", f"{path}/cancel").status == 200
    *_, last, _end = server.events(f"{path}/events")
    assert last[0] in {"result", "problem"}
    assert server.ask("POST", f"{path}/cancel").json["state"] == server.ask("GET", path).json["state"] != "running"


def test_pages(server: Server) -> None:
    """Pages follow each other without gap or repetition, also when a cluster goes in between."""
    for number in range(5):
        launched(server, f"page{number}", "true")
    first = server.ask("GET", "/v1/clusters?limit=2").json
    assert [each["name"] for each in first["items"]] == ["page4", "page3"]
    server.result(server.ask("DELETE", "/v1/clusters/page3"))
    second = server.ask("GET", f"/v1/clusters?limit=2&after={first['next']}").json
    assert [each["name"] for each in second["items"]] == ["page2", "page1"]
    named = server.ask("GET", "/v1/clusters?name=page0&name=page1&name=nowhere").json
    assert ([each["name"] for each in named["items"]], named["next"]) == (["page1", "page0"], None)
    assert server.ask("GET", "/v1/clusters?state=stopped").json["items"] == []
    assert server.ask("GET", "/v1/clusters?user=nobody-else").json["items"] == []
    for made_up in ("what", encode("0001-01-01T00:00:00+14:00 a"), encode("2026-01-01T00:00:00+00:00 a\0")):
        assert server.ask("GET", f"/v1/clusters?after={made_up}").status == 400


def test_files_that_a_task_brings_are_sent_ahead(server: Server, tmp_path: Any) -> None:
    """The task's own paths are replaced by what was sent; the nodes get it."""
    import hashlib
    import io
    import tarfile

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        (tmp_path / "hello.txt").write_text("hello from far away\n")
        tar.add(tmp_path, "content")
    data = packed.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    assert server.ask("HEAD", f"/v1/files/{digest}").status == 404
    assert server.ask("PUT", f"/v1/files/{digest}", data).status == 204
    assert server.ask("HEAD", f"/v1/files/{digest}").status == 200
    launched(
        server, "files", "cat hello.txt", task={"workdir": "/home/ann/project"}, files={"/home/ann/project": digest}
    )
    assert server.ask("GET", "/v1/clusters/files/jobs/1?wait=30").json["exit_code"] == 0
    assert output(server, "/v1/clusters/files/jobs/1/logs") == b"hello from far away\n"
