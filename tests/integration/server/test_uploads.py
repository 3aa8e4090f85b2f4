"""What a user has sent is theirs, no more is told of it than it has to be, and it has its place."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile

from support.servers import Server


def test_what_another_has_sent_is_as_if_it_were_not_there(server: Server) -> None:
    """By its SHA-256 it is neither found nor named; jobs do not tell where it is; and who sends the same has it."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        member = tarfile.TarInfo("content/notes")
        member.size = 4
        tar.addfile(member, io.BytesIO(b"text"))
    digest = hashlib.sha256(file.getvalue()).hexdigest()
    ann, bob = server.made("ann"), server.made("bob")
    path = f"/v1/files/{digest}"
    named = {"task": {"run": "true", "workdir": "/w", "resources": {"infra": "nowhere"}}, "files": {"/w": digest}}
    dag = {"dag": {"tasks": [named]}}
    assert server.ask("PUT", path, file.getvalue(), token=ann).status == 204
    assert [server.ask("HEAD", path, token=token).status for token in (ann, bob, server.token)] == [200, 404, 404]
    for where, body in (("jobs", named), ("clusters", named), ("dags", dag), ("dags/run", dag)):
        refused = server.ask("POST", f"/v1/{where}", body, token=bob)
        assert (refused.status, refused.json["code"]) == (404, "no_such_thing"), where
    made = server.ask("POST", "/v1/jobs", named, token=ann)
    assert made.status == 201
    number = made.json["items"][0]["id"]
    for told in (made, server.ask("GET", "/v1/jobs", token=bob), server.ask("GET", f"/v1/jobs/{number}", token=bob)):
        assert digest not in json.dumps(told.json)
        assert f"{server.home}" not in json.dumps(told.json)
    assert server.ask("GET", f"/v1/jobs/{number}", token=bob).json["task"]["workdir"] == "uploaded"
    assert server.ask("PUT", path, file.getvalue(), token=bob).status == 204
    assert server.ask("POST", "/v1/jobs", named, token=bob).status == 201


def test_members_do_not_fill_the_servers_disk(server: Server) -> None:
    """Its buckets are made, filled and emptied by administrators, in whatever way; what is there members read."""
    abe, bucket = server.made("abe"), {"uri": "file://shelf"}
    keys = [f"{letter * 250}/{letter}" for letter in "ab"]  # the end of a page may be long
    for token, status in ((abe, 400), (server.token, 204)):
        assert server.ask("POST", "/v1/storage/buckets", bucket, token=token).status == status
        for key in keys:
            assert server.ask("PUT", f"/v1/storage/object?uri=file://shelf/{key}", b"x", token=token).status == status
    mounts = {"d": {"name": "shelf", "store": "file", "mode": "COPY"}}
    task = {"run": "true", "resources": {"infra": "local"}, "file_mounts": mounts}
    problem = server.result(server.ask("POST", "/v1/clusters", {"task": task}, token=abe))
    assert "where only administrators write" in problem["detail"], problem
    page = server.ask("GET", "/v1/storage/objects?uri=file://shelf&limit=1", token=abe).json
    rest = server.ask("GET", f"/v1/storage/objects?uri=file://shelf&limit=1&after={page['next']}", token=abe).json
    assert ([*page["items"], *rest["items"]][1]["key"], rest["next"]) == (keys[1], None)
    for key in keys:
        assert server.ask("GET", f"/v1/storage/object?uri=file://shelf/{key}", token=abe).status == 200
        for token, status in ((abe, 400), (server.token, 204)):
            assert server.ask("DELETE", f"/v1/storage/object?uri=file://shelf/{key}", token=token).status == status
    assert server.ask("DELETE", "/v1/storage/buckets?uri=file://shelf").status == 204
