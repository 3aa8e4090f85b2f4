"""Large bodies: whoever sends them waits for them, and nobody else."""

from __future__ import annotations

import json
import threading
import time
from statistics import quantiles

from support.servers import Server

JSON = {"content-type": "application/json"}
SECONDS = 2.0


def test_nobody_waits_for_anothers_large_body(server: Server) -> None:
    """While a viewer sends one after the other, each of which takes long to read, the server answers others at once."""
    viewer = server.made("large", "viewer")
    envs = {f"NAME{number}": "value" for number in range(40_000)}
    body = json.dumps({"task": {"run": "true", "envs": envs}}).encode()
    began = time.monotonic()
    assert server.ask("POST", "/v1/tasks", body, headers=JSON, token=viewer).status == 200
    one, ended, answers = time.monotonic() - began, threading.Event(), []

    def send() -> None:
        while not ended.is_set():
            answers.append(server.ask("POST", "/v1/tasks", body, headers=JSON, token=viewer).status)

    sending = threading.Thread(target=send)
    sending.start()
    waits = []
    while time.monotonic() < began + one + SECONDS:
        asked = time.monotonic()
        assert server.ask("GET", "/health").status == 200
        waits.append(time.monotonic() - asked)
        time.sleep(0.01)
    ended.set()
    sending.join()
    assert set(answers) == {200}
    assert quantiles(waits, n=10)[-1] < one / 4


def test_parts_are_counted_before_they_are_made(server: Server) -> None:
    """A list takes a hundred times as much as the two bytes that say it; an array of jobs has a task each."""
    viewer = server.made("parts", "viewer")
    lists = b'{"task": {"run": "true"}, "x": [' + b"[]," * 150_000 + b"0]}"
    refused = server.ask("POST", "/v1/tasks", lists, headers=JSON, token=viewer)
    assert (refused.status, refused.json["code"]) == (413, "too_large")
    array = server.ask("POST", "/v1/jobs", {"task": {"run": "true # " + "x" * 100_000}, "count": 10_000})
    assert (array.status, array.json["code"]) == (413, "too_large")


def test_tasks_count_as_long_as_they_are_with_their_variables(server: Server) -> None:
    """Of a Dag or an array what is short as it is sent may be long on record: it is refused before it is all made."""
    mounts = {f"{number}": "s3://b/$A" for number in range(30)}
    task = {"task": {"run": "true", "envs": {"A": "x" * 4000}, "file_mounts": mounts}}
    dag = {"dag": {"tasks": [task] * 700}}
    for path, body in (("dags/plan", dag), ("jobs", {**task, "count": 700})):
        refused = server.ask("POST", f"/v1/{path}", body)
        assert (refused.status, refused.json["code"]) == (413, "too_large"), path
        assert "64 MiB" in refused.json["detail"]


def test_large_arrays_are_told_briefly(server: Server) -> None:
    """Of more than a hundred jobs the answer has what tells them apart, and not a hundred times what was sent."""
    task = {"run": "true", "resources": {"infra": "ssh"}}  # of which there is none
    few, many = (server.ask("POST", "/v1/jobs", {"task": task, "count": count}).json["items"] for count in (100, 101))
    assert (len(few), len(many)) == (100, 101)
    assert few[0]["task"]["run"] == "true"
    assert {(each["rank"], each["size"]) for each in many} == {(rank, 101) for rank in range(101)}
    assert [each["task"] for each in many] == [{}] * 101
