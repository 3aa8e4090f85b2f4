"""``styx`` on a market over HTTP with real SSH hosts behind it: from an empty home to a task, and nothing left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from styx.api import Boot, LaunchRequest, OfferQuery, Owner, new_attempt_id
from styx.testing import services
from support.nimbus import PLUGIN, SERVER, Workshop

CHEAP = ("-y", "--infra", "nimbus", "-t", "cpu.small")


def clusters(shop: Workshop) -> dict[str, Any]:
    """The clusters on record, by name."""
    done = shop.run("styx", "status", "-r", "-o", "json")
    return {cluster["name"]: cluster for cluster in json.loads(done.stdout)}


def test_a_task_runs_and_nothing_is_left(shop: Workshop, server: Any) -> None:
    """One machine is made, met, used, told with its price, and given back."""
    said = shop.styx("launch", *CHEAP, "-c", "one", "--", "sh", "-c", "echo hi from $(hostname) in $HOME")
    assert "hi from nm-" in said or os.geteuid() != 0
    assert "the key it shows is trusted from now on" in said
    cluster = clusters(shop)["one"]
    assert (cluster["state"], cluster["hourly_cost"], cluster["region"]) == ("up", "0.02", "oslo")
    assert "hi again" in shop.styx("exec", "one", "--", "echo", "hi", "again")
    shop.styx("down", "-y", "one")
    assert server.market.rented == {}
    assert clusters(shop) == {}


def test_a_gang_of_two_runs_as_one(shop: Workshop, server: Any) -> None:
    """Both ranks run on machines of their own, their logs come together, and both machines go."""
    if os.geteuid() != 0:
        pytest.skip("without root machines share what a gang must not")
    command = "echo rank $STYX_NODE_RANK of $STYX_NUM_NODES on $(hostname)"
    said = shop.styx("launch", *CHEAP, "-c", "duo", "--num-nodes", "2", "--", "sh", "-c", command)
    machines = sorted(server.market.rented.values(), key=lambda machine: machine.name)
    for rank, machine in enumerate(machines):
        assert f"rank {rank} of 2 on {machine.id}" in said
    assert "rank 1 of 2" in shop.styx("logs", "duo", "1")
    creates = [request for request in server.requests if request == "POST /v1/machines"]
    assert len(creates) == 2, "a launch costs one order a machine"
    shop.styx("down", "-y", "duo")
    assert server.market.rented == {}


def test_a_task_runs_on_a_machine_that_is_not_isolated(
    shop: Workshop, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without root a machine has a home and a port of its own, and what ran on it ends with it all the same."""
    hosts = sys.modules["hosts"]
    monkeypatch.setattr(hosts, "ISOLATED", False)
    said = shop.styx("launch", *CHEAP, "-c", "one", "--", "sh", "-c", "echo hi in $HOME; setsid sleep 98765 &")
    (machine,) = server.market.rented.values()
    assert f"hi in {machine.host.home}" in said
    server.market.release(machine.id)
    give_up = time.monotonic() + 10
    while server.market.rented:
        assert time.monotonic() < give_up
        time.sleep(0.02)
    marked = f"HOME={machine.host.home}".encode()
    left = [entry for entry in Path("/proc").glob("[0-9]*") if marked in _environ(entry)]
    assert left == []
    shop.styx("down", "-y", "one")


def _environ(process: Path) -> bytes:
    with suppress(OSError):
        return (process / "environ").read_bytes()
    return b""


def test_a_gang_of_machines_that_are_not_isolated(shop: Workshop, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without root, too, the head reaches the others: what a key may run there is what its line says."""
    monkeypatch.setattr(sys.modules["hosts"], "ISOLATED", False)
    command = "echo rank $STYX_NODE_RANK in $HOME"
    said = shop.styx("launch", *CHEAP, "-c", "duo", "--num-nodes", "2", "--", "sh", "-c", command)
    machines = sorted(server.market.rented.values(), key=lambda machine: machine.name)
    for rank, machine in enumerate(machines):
        assert f"rank {rank} in {machine.host.home}" in said
    shop.styx("down", "-y", "duo")
    assert server.market.rented == {}


def test_a_stock_out_that_comes_late_leads_elsewhere(shop: Workshop, server: Any) -> None:
    """The cheaper place accepts the order and fails it; the next place is asked, and the failed order is removed."""
    real = server.market._boot
    server.market._boot = lambda machine, _: real(machine, machine.region == "oslo")
    said = shop.styx("launch", *CHEAP, "-c", "one", "--", "echo", "made it")
    assert "made it" in said
    assert clusters(shop)["one"]["region"] == "quito"
    assert [machine.region for machine in server.market.rented.values()] == ["quito"]
    shop.styx("down", "-y", "one")


def test_the_last_word_on_a_launch_is_the_markets_own(shop: Workshop, server: Any) -> None:
    """Where nobody has the machines the reasons are told by place, and nothing is left."""
    server.market.stock["h100.1x"] = 1
    wanted = ("--infra", "nimbus", "--gpus", "H100:1", "--num-nodes", "2")
    said = shop.styx("launch", "-y", "-c", "h", *wanted, "--", "true", status=75)
    assert "no h100.1x left" in said
    assert "nimbus/oslo" in said
    assert "nimbus/quito" in said
    assert server.market.rented == {}
    assert clusters(shop) == {}


def test_a_lost_answer_costs_no_machine(shop: Workshop, server: Any) -> None:
    """The order is carried out and the answer cut off: the machine is found by its name, and no second is ordered."""
    lost = threading.Event()

    def cut(handler: Any, what: str) -> bool:
        if what != "POST /v1/machines" or lost.is_set():
            return False
        lost.set()
        server.market.rent(json.loads(handler.body))
        handler.close_connection = True
        return True

    server.faults = cut
    said = shop.styx("launch", *CHEAP, "-c", "one", "--", "echo", "made it")
    assert "made it" in said
    assert lost.is_set()
    assert len(server.market.rented) == 1
    shop.styx("down", "-y", "one")
    assert server.market.rented == {}


def test_a_busy_market_is_waited_for(shop: Workshop, server: Any) -> None:
    """Too many requests are refused with the seconds to wait, and the launch takes that long."""
    refused: list[str] = []

    def busy(handler: Any, what: str) -> bool:
        if len(refused) < 3 and what != "GET /v1/account":
            refused.append(what)
            handler.reply(429, {"error": {"code": "rate_limited", "message": "slow down"}}, Retry_After="1")
            return True
        return False

    server.faults = busy
    assert "made it" in shop.styx("launch", *CHEAP, "-c", "one", "--", "echo", "made it")
    assert len(refused) == 3
    shop.styx("down", "-y", "one")


def test_a_wrong_token_is_told_without_it(shop: Workshop, server: Any, styx_home: Path) -> None:
    """The account cannot be used, and why, and the token is in no message."""
    settings = json.loads((styx_home / "config.yaml").read_text())
    settings["clouds"]["nimbus"]["token"] = "s3cret-and-wrong"
    (styx_home / "config.yaml").write_text(json.dumps(settings))
    said = shop.styx("check", "nimbus", status=shop.run("styx", "check", "nimbus").returncode)
    assert "the token is missing or wrong" in said
    assert "s3cret" not in said


def test_a_machine_taken_back_is_told_as_preempted(shop: Workshop, server: Any) -> None:
    """A spot machine that the market reclaims is no failure of ours, and down cleans up after it."""
    shop.styx("launch", *CHEAP, "-c", "spot", "--use-spot", "--", "true")
    (machine,) = server.market.rented.values()
    assert machine.spot
    server.market.reclaim(machine.id)
    assert clusters(shop)["spot"]["state"] == "preempted"
    shop.styx("down", "-y", "spot")
    assert server.market.rented == {}


def test_a_lost_database_is_recovered_from_names(shop: Workshop, server: Any, styx_home: Path) -> None:
    """The machines are an orphan with its price, become a cluster again, take a job, and go."""
    shop.styx("launch", *CHEAP, "-c", "one", "--", "true")
    for path in styx_home.glob("state.db*"):
        path.unlink()
    assert clusters(shop) == {}
    assert "$0.0200" in shop.styx("status", "--orphans")
    said = shop.styx("recover", "-y") + shop.styx("exec", "one", "--", "echo", "still there")
    assert "still there" in said
    assert "first contact with node 0" in said
    shop.styx("down", "-y", "one")
    assert server.market.rented == {}


def test_the_cloud_is_as_small_as_we_say() -> None:
    """At most 150 lines of provider code, settings and all."""
    lines = sum(len(path.read_text().splitlines()) for path in PLUGIN.glob("src/**/*.py"))
    assert lines <= 150


def test_a_port_that_is_taken(server: Any) -> None:
    """Two markets cannot be at one port; the second says so."""
    port = server.server_address[1]
    done = subprocess.run(
        [sys.executable, str(SERVER), "--port", str(port)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (1, f"nimbus cannot be at port {port}: Address already in use\n")


def test_machines_end_with_the_market(server: Any, tmp_path: Path) -> None:
    """No sshd outlives the market that started it."""
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIb1tGtyTyE1ntjZ3c4wbHjUtSCcjXHGNgHqUXTmMKZB test"
    server.market.add_key("k", key)
    machine = server.market.rent({"name": "x", "type": "cpu.small", "region": "oslo", "key": "k"})
    give_up = time.monotonic() + 20
    while machine.state != "running":
        assert time.monotonic() < give_up
        time.sleep(0.02)
    assert machine.host.alive
    server.market.close()
    assert not machine.host.alive


def test_every_page_of_the_listing_is_read(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More machines than fit on a page are all there, each with the reason for its failure."""
    monkeypatch.syspath_prepend(str(PLUGIN / "src"))
    from styx_nimbus.cloud import NimbusCloud
    from styx_nimbus.config import NimbusCloudConfig

    server.market.stock["cpu.small"] = 0
    server.market.late.add("cpu.small")
    cloud = NimbusCloud(services(tmp_path, NimbusCloudConfig(url=server.url, token=server.token)))
    offer = next(offer for offer in cloud.offers(OfferQuery()) if offer.instance_type == "cpu.small")
    owner = Owner(cloud.services.installation, "big", new_attempt_id())
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIb1tGtyTyE1ntjZ3c4wbHjUtSCcjXHGNgHqUXTmMKZB test"
    papers = cloud.prepare(LaunchRequest(owner, offer, tuple(range(25)), Boot(key)))
    receipt = cloud.launch(papers)
    give_up = time.monotonic() + 20
    while len(outcomes := cloud.observe(papers.scope, {owner}).launches) < 25:
        assert time.monotonic() < give_up
        time.sleep(0.02)
    assert "went to somebody else" in str(outcomes[-1].error)
    cloud.terminate(papers.scope, owner, [receipt])
    while cloud.observe(papers.scope, {owner}).leftovers:
        assert time.monotonic() < give_up
        time.sleep(0.02)
