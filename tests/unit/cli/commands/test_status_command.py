"""``styx status``."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from styx.api import Autostop, JobState, StoreError
from styx.store.records import EventRecord, Holder, Operation
from support.fake_client import EPOCH, FakeClient, Outcome

KEYS = [
    "name",
    "state",
    "infra",
    "cloud",
    "region",
    "zone",
    "account",
    "instance_type",
    "resources",
    "num_nodes",
    "spot",
    "hourly_cost",
    "disk_hourly_cost",
    "billed_hourly_cost",
    "task",
    "user",
    "created_at",
    "launched_at",
    "updated_at",
    "autostop",
    "operation",
    "error",
]


def test_nothing_there(styx, client: FakeClient):
    """Without clusters it says so and how to make one; as JSON it is an empty list."""
    assert "styx launch" in styx("status").stdout
    assert json.loads(styx("status", "-o", "json").stdout) == []
    assert client.closed


def test_nothing_there_because_the_database_was_lost(styx, client: FakeClient):
    """It does not pretend that nothing runs, and names the command that says more."""
    client.remade = ("abc123", EPOCH)
    said = styx("status").stdout
    assert "lost and made anew at 2025-01-02 03:04" in said
    assert "styx recover" in said


def test_a_loss_is_told_beside_what_is_on_record_again(styx, client: FakeClient):
    """One cluster that was taken up again does not mean that all were."""
    client.remade = ("abc123", EPOCH)
    client.add("dev")
    assert "not all clusters may be on record" in styx("status").stderr


def test_what_another_database_has(styx, client: FakeClient):
    """That nothing is listed does not mean that nothing runs, where the home has a database that is not used."""
    client.beside = ["dev"]
    for words in (("status",), ("status", "--orphans")):
        said = styx(*words).stderr
        assert "Not listed, and perhaps running and billed: dev." in said
        assert "without `database`" in said


def test_what_could_not_be_written_down(styx, client: FakeClient):
    """The list is shown all the same, and it is said why it may be out of date."""
    client.unwritable = StoreError("the disk that holds state.db is full", hint="Free some space there.")
    client.add("dev")
    result = styx("status")
    assert result.exit_code == 0
    assert "dev" in result.stdout
    assert result.stderr == (
        "This is what was on record last, nothing was looked at: the disk that holds state.db is full. "
        "Free some space there.\n"
    )


def test_why_it_is_unknown(styx, client: FakeClient):
    """A state that nobody knows is explained without being asked for, with when it was known last."""
    client.add("dev", "unknown", error={"message": "acme has not answered check within 30 s"})
    told = "dev is unknown: acme has not answered check within 30 s. Last seen: 2025-01-02 03:04:05Z.\n"
    assert styx("status").stderr == told
    assert styx("status", "-v").stderr == styx("status", "-o", "json").stderr == ""
    client.add("dev", "unknown")
    assert styx("status").stderr.startswith("dev is unknown: it could not be looked at.")


def test_how_many_nodes_are_left(styx, client: FakeClient, monkeypatch):
    """Of a cluster of which some have gone it is told how many were seen, and none where none is billed."""
    for name, state in (("all", "up"), ("some", "failed"), ("none", "preempted"), ("whole", "failed")):
        client.add(name, state, num_nodes=2)
    client.unbilled.add("none")
    nodes = client.nodes
    monkeypatch.setattr(client, "nodes", lambda name: nodes(name)[: 1 if name == "some" else 2])
    lines = [line.split() for line in styx("status").stdout.splitlines()[1:]]
    assert {words[0]: words[3] for words in lines} == {"all": "2", "some": "1/2", "none": "0/2", "whole": "2"}


@pytest.mark.parametrize("state", ["up", "failed", "lost", "preempted"])
def test_what_became_of_machines(styx, client: FakeClient, state: str):
    """Why they went, or of a cluster that is still up what was announced, is told without being asked for."""
    client.add("dev", state, error={"message": "node 0 is about to be taken back", "hint": "Save what matters"})
    assert styx("status").stderr == "dev: node 0 is about to be taken back. Save what matters.\n"
    assert styx("status", "-o", "json").stderr == ""


def test_what_was_given_up_is_not_forgotten(styx, client: FakeClient):
    """Machines that no record stands for any more may still cost money: people are told, programs have --orphans."""
    client.tombstones = ["old"]
    told = "Given up, and perhaps still there and billed: old. "
    assert styx("status").stderr == f"{told}`styx status --refresh` removes what is left.\n"
    advice = (
        "It is on its way, or could not be looked at: `styx status --orphans` shows which, a later refresh goes on.\n"
    )
    assert styx("status", "--refresh").stderr.endswith(told + advice)
    assert styx("status", "-o", "json").stderr == ""


def test_an_autostop_that_may_not_be_set_is_marked(styx, client: FakeClient):
    """The record has the policy before the node does; until the node has it, nobody should rely on it."""
    client.add("dev", autostop=Autostop(5))
    assert " 5m? " in styx("status").stdout


def test_table(styx, client: FakeClient):
    """The table has one line for each cluster, newest first, with cost, place and autostop."""
    client.add("old", "stopped")
    client.add(
        "new",
        cloud="aws",
        region="us-east-1",
        num_nodes=2,
        resources="8x A100",
        spot=True,
        hourly_cost=Decimal("12.5"),
        autostop=Autostop(30, down=True),
        autostop_set=True,
    )
    header, new, old = styx("status").stdout.splitlines()
    assert header.split() == ["NAME", "STATE", "INFRA", "NODES", "RESOURCES", "COST/H", "AUTOSTOP", "AGE"]
    assert new.startswith("new   up       aws/us-east-1  2      8x A100 [spot]  $12.50  30m (down)")
    assert old.split()[:2] == ["old", "stopped"]


def test_json_shape(styx, client: FakeClient):
    """Keys are fixed, unknown is null, times are ISO 8601 in UTC and money is a string."""
    client.add("dev", hourly_cost=Decimal("1.20"), launched_at=EPOCH, autostop=Autostop(5), cloud="aws", zone="a")
    (shape,) = json.loads(styx("status", "-o", "json").stdout)
    assert list(shape) == KEYS
    assert shape["hourly_cost"] == "1.20"
    assert shape["created_at"] == shape["launched_at"] == "2025-01-02T03:04:05Z"
    assert shape["autostop"] == {"idle_minutes": 5, "down": False, "wait_for": "jobs_and_ssh", "confirmed": False}
    assert (shape["region"], shape["infra"], shape["operation"], shape["error"]) == (None, "aws/a", None, None)


def test_json_with_nodes(styx, client: FakeClient):
    """-v adds the nodes to the JSON."""
    client.add("dev", num_nodes=2)
    (shape,) = json.loads(styx("status", "-v", "-o", "json").stdout)
    assert [node["rank"] for node in shape["nodes"]] == [0, 1]
    assert shape["nodes"][1] == {
        "rank": 1,
        "id": "n-1",
        "state": "running",
        "ip": "192.0.2.7",
        "private_ip": "10.0.0.1",
        "public_ip": None,
        "seen_at": "2025-01-02T03:04:05Z",
    }


def test_verbose_table(styx, client: FakeClient):
    """-v shows the nodes, what is under way, and what went wrong with what to do."""
    holder = Holder("h", 1, "0", "b", "here")
    client.add(
        "dev",
        "failed",
        task_name="train",
        error={"code": "x", "message": "no luck", "hint": "try again"},
        operation=Operation("stop", holder, datetime.now(UTC)),
    )
    text = styx("status", "-v").stdout
    for part in (
        "under way:     stop",
        "error:         no luck",
        "what to do:    try again",
        "task:          train",
        "n-0",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("words", "names"), [(["a-*"], "a-2 a-1"), (["a-1", "b"], "b a-1"), (["a-?", "b"], "b a-2 a-1")]
)
def test_patterns(styx, client: FakeClient, words, names):
    """Names and shell patterns choose clusters."""
    for name in ("a-1", "a-2", "b", "c"):
        client.add(name)
    assert " ".join(shape["name"] for shape in json.loads(styx("status", *words, "-o", "json").stdout)) == names


@pytest.mark.parametrize(
    ("word", "message"),
    [("dve", "there is no cluster 'dve'"), ("x*", "no cluster matches 'x*'")],
)
def test_unknown_name(styx, client: FakeClient, word, message):
    """A name or pattern without a match is one message and exit code 2, with the nearest name."""
    client.add("dev")
    result = styx("status", "dev", word)
    assert result.exit_code == 2
    assert message in result.stderr
    assert ("Did you mean 'dev'?" in result.stderr) == (word == "dve")
    assert "Traceback" not in result.stderr


def test_refresh_asks_the_providers(styx, client: FakeClient):
    """--refresh is passed on, and says what it does on stderr only."""
    client.add("dev")
    result = styx("status", "-r", "-o", "json")
    assert ("status", (), True) in client.calls
    assert json.loads(result.stdout)
    assert result.stderr == "refresh: asking the providers\n"


def test_ip(styx, client: FakeClient):
    """--ip prints the head's address alone."""
    client.add("dev", num_nodes=2)
    assert styx("status", "--ip", "dev").stdout == "192.0.2.7\n"


@pytest.mark.parametrize(
    "words", [["--ip"], ["--ip", "a", "b"], ["--ip", "*"], ["--ip", "--history", "a"], ["--history"]]
)
def test_bad_combinations(styx, client: FakeClient, words):
    """What makes no sense together is refused with exit code 2."""
    client.add("a")
    client.add("b")
    assert styx("status", *words).exit_code == 2


def test_no_address(styx, client: FakeClient, monkeypatch):
    """A cluster whose head has no address says which state it is in."""
    client.add("dev", "stopped")
    monkeypatch.setattr(client, "nodes", lambda name: [])
    result = styx("status", "--ip", "dev")
    assert result.exit_code == 1
    assert "stopped" in result.stderr


def test_history(styx, client: FakeClient):
    """--history lists events oldest first, also of a cluster that is gone."""
    client.events = [
        EventRecord(1, EPOCH, "gone", "launch", "planning", "provisioning"),
        EventRecord(2, EPOCH, "gone", "down", reason="the user said so"),
    ]
    first, second = json.loads(styx("status", "--history", "gone", "-o", "json").stdout)
    assert first == {
        "at": "2025-01-02T03:04:05Z",
        "cluster": "gone",
        "kind": "launch",
        "from": "planning",
        "to": "provisioning",
        "reason": None,
    }
    assert second["reason"] == "the user said so"
    assert "planning -> provisioning" in styx("status", "--history", "gone").stdout


def test_terminal_escapes_are_removed(styx, client: FakeClient):
    """Names and other metadata cannot write escapes to the terminal or break out of their line."""
    client.add("dev", resources="\x1b[31mred\x1b[0m\x07\r\nsecond\u202eline", task_name="\x1b]0;title\x07t")
    for text in (styx("status").stdout, styx("status", "-v").stdout):
        assert "\x1b" not in text
        assert "\x07" not in text
        assert "red second" in text.replace("  ", " ")
        assert "\u202e" not in text
    assert len(styx("status").stdout.splitlines()) == 2


def test_piped_output_is_plain(styx, client: FakeClient):
    """No colour codes when stdout is not a terminal."""
    client.add("dev", "failed")
    assert "\x1b" not in styx("status").stdout


def test_job_states_do_not_matter_here(styx, client: FakeClient):
    """Listing clusters asks no cluster anything."""
    client.clusters["dev"] = replace(client.add("dev"), hourly_cost=None)
    client.add_job("dev", Outcome(state=JobState.RUNNING))
    styx("status")
    assert [call[0] for call in client.calls] == ["status"]


def test_accounts_have_a_column_where_they_have_names(styx, client: FakeClient):
    """With one account for each cloud there is nothing to tell apart, and JSON has it in any case."""
    client.add("a", cloud="acme", account="default")
    assert "ACCOUNT" not in styx("status").stdout
    client.add("b", cloud="acme", account="prod")
    header, first, second = styx("status").stdout.splitlines()
    assert header.split()[:4] == ["NAME", "STATE", "INFRA", "ACCOUNT"]
    assert [first.split()[3], second.split()[3]] == ["prod", "default"]
    assert [each["account"] for each in json.loads(styx("status", "-o", "json").stdout)] == ["prod", "default"]


def test_a_stopped_cluster_shows_what_it_costs_now(styx, client: FakeClient):
    """Its disks, or a dash where nobody said what those cost; JSON has both prices."""
    client.add("a", "stopped", hourly_cost=Decimal("1.50"))
    client.add("b", "stopped", hourly_cost=Decimal("1.50"), disk_hourly_cost=Decimal("0.02"))
    header, first, second = styx("status").stdout.splitlines()
    column = header.index("COST/H")
    assert [first[column:].split()[0], second[column:].split()[0]] == ["$0.0200", "-"]
    found = json.loads(styx("status", "-o", "json").stdout)[0]
    assert (found["hourly_cost"], found["disk_hourly_cost"]) == ("1.50", "0.02")
    assert found["billed_hourly_cost"] == "0.02"


def test_a_failed_cluster_without_machines_shows_that_it_costs_nothing(styx, client: FakeClient):
    """What it would cost if it were up is in JSON alone; one that still has machines shows that everywhere."""
    client.add("held", "failed", hourly_cost=Decimal("1.50"))
    client.add("gone", "failed", hourly_cost=Decimal("1.50"))
    client.unbilled.add("gone")
    header, gone, held = styx("status").stdout.splitlines()
    column = header.index("COST/H")
    assert [gone[column:].split()[0], held[column:].split()[0]] == ["$0.00", "$1.50"]
    found = {each["name"]: each for each in json.loads(styx("status", "-o", "json").stdout)}
    assert [found["gone"][key] for key in ("hourly_cost", "billed_hourly_cost")] == ["1.50", "0"]
    assert [found["held"][key] for key in ("hourly_cost", "billed_hourly_cost")] == ["1.50", "1.50"]
