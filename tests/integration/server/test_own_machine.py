"""The machine that a server runs on: whoever has a node there is the server's own user of the system."""

from __future__ import annotations

from pathlib import Path

from support.servers import running

READ = {"task": {"run": "cat server.json", "resources": {"infra": "local"}}, "options": {"cluster": "c"}}


def test_only_administrators_have_nodes_there(styx_home: Path) -> None:
    """Unless the settings say otherwise: whatever way a member takes, they are told so, and nothing is made."""
    with running(styx_home) as server:
        ann = server.made("ann")
        problem = server.result(server.ask("POST", "/v1/clusters", READ, token=ann))
        assert (problem["code"], "only administrators" in problem["detail"]) == ("bad_input", True), problem
        assert server.ask("POST", "/v1/tasks/explain", {"task": READ["task"]}, token=ann).status == 400
        anywhere = {"task": {"run": "cat server.json"}}
        assert server.result(server.ask("POST", "/v1/clusters", anywhere, token=ann))["code"] == "no_offer"
        for path, body in (("/v1/jobs", {"task": READ["task"]}), ("/v1/dags", {"dag": {"tasks": [READ]}})):
            refused = server.ask("POST", path, body, token=ann)
            assert (refused.status, refused.json["detail"]) == (400, problem["detail"]), refused.json
        assert server.ask("GET", "/v1/jobs").json["items"] == []
        (job,) = server.ask("POST", "/v1/jobs", anywhere, token=ann).json["items"]
        ended = server.ask("GET", f"/v1/jobs/{job['id']}?wait=30", token=ann).json
        assert ended["state"] == "failed_no_resources", ended
        assert "only administrators use unless allowed_clouds names it" in ended["reason"]
        assert server.ask("GET", "/v1/clusters").json["items"] == []
        assert server.result(server.ask("POST", "/v1/clusters", READ))["created"]
        assert server.result(server.ask("DELETE", "/v1/clusters/c")) is None
