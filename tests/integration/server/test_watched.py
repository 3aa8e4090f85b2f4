"""What a server tells those who watch over it: by its metrics, and in its log."""

from __future__ import annotations

import json

from prometheus_client.parser import text_string_to_metric_families

from support.servers import Server

SECRET = "correct-horse-battery"


def samples(server: Server, token: str) -> dict[tuple[str, str], float]:
    """The values of its metrics, by name and labels."""
    answer = server.ask("GET", "/metrics", token=token)
    assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (200, "text/plain")
    families = text_string_to_metric_families(answer.body.decode())
    return {(each.name, ",".join(each.labels.values())): each.value for family in families for each in family.samples}


def test_a_launch_is_seen(server: Server) -> None:
    """Whoever may look sees requests by their routes, clusters, the phases of the launch; and nobody else sees any."""
    viewer = server.made("watcher", "viewer", ("read",))
    assert server.ask("GET", "/metrics", token="").status == 401
    before = samples(server, viewer)
    task = {"run": "echo $KEY", "secrets": {"KEY": SECRET}, "resources": {"infra": "local"}}
    asked = server.ask("POST", "/v1/clusters", {"task": task, "options": {"cluster": "watched"}})
    server.result(asked)
    found = samples(server, viewer)
    assert found["styx_store_up", ""] == 1
    assert found["styx_servers_alive", ""] == 1
    assert found["styx_clusters", "up"] == before.get(("styx_clusters", "up"), 0) + 1
    assert found["styx_cost_usd_per_hour", "default,local"] == 0
    assert found["styx_launch_phase_seconds_count", "provision"] >= 1
    assert found["styx_http_request_seconds_count", "POST,/v1/clusters,202"] >= 1
    assert found["styx_http_request_seconds_count", "GET,/v1/requests/{number}/events,200"] >= 1
    assert found["styx_http_request_seconds_count", "GET,(none),401"] >= 1

    log = (server.home / "server.log").read_text()
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    (line,) = [each for each in lines if each.get("request") == asked.headers["x-request-id"]]
    assert (line["method"], line["path"], line["status"]) == ("POST", "/v1/clusters", 202)
    assert line["user"]
    for hidden in (SECRET, server.token, viewer):
        assert hidden not in log
