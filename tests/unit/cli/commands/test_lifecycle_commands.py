"""``styx start``, ``stop``, ``autostop`` and ``down``."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from styx.api import AuthFailed, Autostop, ClusterNotFound
from styx.store.records import EventRecord
from support.fake_client import FakeClient

FREE, PAID = Decimal(0), Decimal("2.5")


def test_stop_and_start(styx, client: FakeClient):
    """With --yes named clusters are stopped and started, and each is said to be."""
    client.add("a", hourly_cost=PAID)
    assert styx("stop", "a", "-y").stdout == "Cluster a is stopped.\n"
    assert client.clusters["a"].state == "stopped"
    assert styx("start", "a", "-y", "-i", "5", "--down").stdout == "Cluster a is up.\n"
    assert ("start", "a", Autostop(5, down=True)) in client.calls


@pytest.mark.parametrize("command", ["stop", "down"])
def test_no_terminal_to_ask_on(styx, client: FakeClient, command):
    """Without --yes and without a terminal nothing is touched: exit code 2, with what to add."""
    client.add("a")
    result = styx(command, "a")
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert client.clusters["a"].state == "up"


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(
    ("answer", "code", "there"), [("y\n", 0, False), ("\n", 1, True), ("n\n", 1, True), ("", 1, True)]
)
def test_asking(styx, client: FakeClient, answer, code, there):
    """At a terminal the question names the cluster; no, Enter alone and no answer change nothing and end with 1."""
    client.add("a")
    result = styx("down", "a", stdin=answer)
    assert "Remove cluster a and all on it?" in result.stderr
    assert (result.exit_code, "a" in client.clusters) == (code, there)


@pytest.mark.usefixtures("terminal")
def test_interrupt_at_the_question(styx, client: FakeClient, monkeypatch):
    """Ctrl-C at a question changes nothing and ends with 130, as everywhere."""

    def press(*_: object) -> str:
        raise KeyboardInterrupt

    client.add("a")
    monkeypatch.setattr("click.termui._readline_prompt", press)  # CliRunner replaces what is below
    result = styx("down", "a")
    assert (result.exit_code, "a" in client.clusters) == (130, True)
    assert result.stderr.endswith("\nInterrupted. Nothing was changed.\n")


def test_starting_what_is_free_needs_no_consent(styx, client: FakeClient):
    """A named cluster that costs nothing is started without a question; one that costs is not."""
    client.add("free", "stopped", hourly_cost=FREE)
    client.add("paid", "stopped", hourly_cost=PAID)
    assert styx("start", "free").exit_code == 0
    refused = styx("start", "paid")
    assert (refused.exit_code, client.clusters["paid"].state) == (2, "stopped")
    assert "$2.50 an hour" in refused.stderr


def test_start_with_unknown_price(styx, client: FakeClient):
    """A price that nobody knows is not taken for free."""
    client.add("a", "stopped", hourly_cost=None)
    refused = styx("start", "a")
    assert (refused.exit_code, "an unknown price" in refused.stderr) == (2, True)


def test_all_means_those_it_can_apply_to(styx, client: FakeClient):
    """--all starts the stopped ones, and stops the others and changes their autostop."""
    client.add("up")
    client.add("off", "stopped")
    styx("start", "--all", "-y")
    assert [call[1] for call in client.calls if call[0] == "start"] == ["off"]
    client.add("off", "stopped")
    styx("autostop", "-a", "-i", "5", "-y")
    assert [call[1] for call in client.calls if call[0] == "autostop"] == ["up"]
    styx("stop", "-a", "-y")
    assert [call[1] for call in client.calls if call[0] == "stop"] == ["up"]


def test_nothing_to_do(styx, client: FakeClient):
    """--all without clusters that it applies to is fine, asks nothing, and says what there is none of."""
    commands = {"stop": ["stop"], "change": ["autostop", "-i5"], "start": ["start"]}
    for verb, command in {**commands, "remove": ["down"], "forget": ["down", "--forget"]}.items():
        result = styx(*command, "--all")
        assert (result.exit_code, result.output) == (0, f"There is no cluster to {verb}: nothing to do.\n")
    client.add("a", "stopped")
    for verb in ("stop", "change"):
        assert styx(*commands[verb], "--all").stdout == f"There is no cluster to {verb}: nothing to do.\n"
    client.add("a", "up")
    assert styx("start", "--all").stdout == "There is no cluster to start: nothing to do.\n"


@pytest.mark.parametrize("command", [["start"], ["stop"], ["down"], ["autostop", "-i", "5"]])
@pytest.mark.parametrize("words", [[], ["a", "--all"], ["nope"], ["x*"]])
def test_bad_selection(styx, client: FakeClient, command, words):
    """No cluster, names together with --all, and names without a match are exit code 2."""
    client.add("a", "failed")
    assert styx(*command, *words, "-y").exit_code == 2
    assert client.clusters["a"].state == "failed"


def test_down_by_pattern(styx, client: FakeClient):
    """A pattern removes what matches and nothing else; --purge is --forget."""
    for name in ("t-1", "t-2", "dev"):
        client.add(name)
    assert styx("down", "t-*", "--yes", "--purge").stdout == "Cluster t-2 is forgotten.\nCluster t-1 is forgotten.\n"
    assert list(client.clusters) == ["dev"]
    assert ("down", "t-1", True) in client.calls


def test_down_of_what_goes_as_it_is_looked_for(styx, client: FakeClient):
    """A record that goes in the look down begins with, and one that goes just before its turn, are gone: success."""
    client.events.append(EventRecord(1, datetime.now(UTC) + timedelta(seconds=1), "a", "removed"))
    assert styx("down", "a", "-y").stdout == "Cluster a is gone.\n"
    client.add("b")
    client.errors["b"] = ClusterNotFound("cluster 'b' is gone: it removed itself", cluster="b")
    assert styx("down", "a", "b", "-y").stdout == "Cluster a is gone.\nCluster b is gone.\n"


def test_down_of_what_went_before(styx, client: FakeClient):
    """A cluster that had gone before the command began is none any more."""
    client.events.append(EventRecord(1, datetime.now(UTC) - timedelta(seconds=1), "a", "removed"))
    assert styx("down", "a", "-y").exit_code == 2


def test_one_failure_does_not_stop_the_rest(styx, client: FakeClient):
    """The others are still done; the failure is named, and its exit code is the command's."""
    for name in ("a", "b", "c"):
        client.add(name)
    client.errors["b"] = AuthFailed("the token has expired", hint="Log in again.")
    result = styx("down", "--all", "-y")
    assert list(client.clusters) == ["b"]
    assert result.exit_code == 77
    assert "b: the token has expired. Log in again." in result.stderr


@pytest.mark.parametrize("command", [["stop"], ["down"], ["autostop", "-i", "5"]])
def test_an_unknown_name_does_not_stop_the_rest(styx, client: FakeClient, command):
    """All that is named is looked up first; what is not there is told and counts as failed, the others are done."""
    for name in ("t-1", "t-2", "git"):
        client.add(name)
    result = styx(*command, "t-*", "git*", "nope", "x*", "-y")
    assert result.exit_code == 2
    assert "nope: there is no cluster 'nope'. `styx status` lists the clusters.\n" in result.stderr
    assert "x*: no cluster matches 'x*'." in result.stderr
    assert {call[1] for call in client.calls if call[0] == command[0]} == {"t-1", "t-2", "git"}


def test_progress_is_one_line_a_step(styx, client: FakeClient):
    """Piped, progress is plain lines on stderr."""
    client.add("a")
    assert styx("stop", "a", "-y").stderr == "stop: waiting for 1 of 1 nodes\n"


@pytest.mark.parametrize(
    "words", [["stop"], ["start"], ["down"], ["status"], ["queue"], ["logs"], ["ssh"], ["cancel"], ["autostop", "-i1"]]
)
def test_a_cluster_named_by_what_is_no_text(styx, client: FakeClient, words):
    """Bytes that are not UTF-8 can be the name of a file, but not of a cluster."""
    result = styx(*words, "dev\udcff")
    assert result.exit_code == 2
    assert "is not UTF-8 text" in result.stderr


def test_autostop(styx, client: FakeClient):
    """-i sets the policy, --cancel clears it; a named cluster needs no consent."""
    client.add("a")
    result = styx("autostop", "a", "-i", "30", "--down", "--wait-for", "jobs")
    assert result.stdout == "Cluster a has autostop 30m (down).\n"
    assert client.clusters["a"].autostop == Autostop(30, down=True, wait_for="jobs")
    assert styx("autostop", "a", "--cancel").stdout == "Cluster a has no autostop.\n"
    assert client.clusters["a"].autostop is None


def test_autostop_of_all_is_asked_about(styx, client: FakeClient):
    """Clusters that the user has not named one by one are asked about."""
    client.add("a")
    assert styx("autostop", "--all", "-i", "1").exit_code == 2
    assert styx("autostop", "*", "-i", "1").exit_code == 2
    assert client.clusters["a"].autostop is None
    assert styx("autostop", "*", "-i", "1", "-y").exit_code == 0


@pytest.mark.parametrize(
    "words",
    [[], ["--down"], ["-i", "-1"], ["-i", "x"], ["--cancel", "-i", "3"], ["--cancel", "--down"], ["--wait-for", "x"]],
)
def test_autostop_bad_input(styx, client: FakeClient, words):
    """Neither -i nor --cancel, both, and what is no number of minutes are exit code 2."""
    client.add("a")
    assert styx("autostop", "a", *words).exit_code == 2
