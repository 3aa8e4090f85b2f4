"""``styx jobs`` and ``styx spot``."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from styx.jobs.model import JobOptions
from styx.store.managed import JobQuery, ManagedState
from support.fake_client import FakeClient, choice
from support.fake_jobs import EPOCH

PIPELINE = "name: pipe\n---\nname: one\nrun: echo 1\n---\nname: two\nrun: echo 2\n"


@pytest.fixture
def paid(client: FakeClient) -> None:
    """Whatever is launched costs money."""
    client.choices = (choice("aws/us-east-1", "p4d.24xlarge", "32.77"),)


def test_a_job_is_handed_in_and_its_output_shown(styx, client: FakeClient):
    """The output of the job, and nothing else, is on stdout; its exit code is the command's."""
    result = styx("jobs", "launch", "-n", "train", "--", "python", "train.py")
    assert (result.exit_code, result.stdout) == (0, "hello\n")
    assert "Job 1; Ctrl-C leaves it running." in result.stderr
    _, task, options, count = client.jobs.calls[0]
    assert (task.spec.name, task.spec.run, options, count) == ("train", "python train.py", JobOptions(), 1)


@pytest.mark.parametrize(
    ("end", "code", "said"),
    [
        ({"state": ManagedState.FAILED, "exit_code": 7}, 7, "Job 1 failed with exit code 7."),
        ({"state": ManagedState.FAILED, "exit_code": None, "reason": "out of time"}, 1, "Job 1 failed: out of time"),
        ({"state": ManagedState.FAILED_SETUP, "exit_code": 2}, 2, "Job 1 failed in its setup with exit code 2."),
        ({"state": ManagedState.FAILED_NO_RESOURCES, "reason": "no H100"}, 1, "Job 1 found nowhere to run: no H100"),
        ({"state": ManagedState.CANCELLED}, 143, "Job 1 was cancelled."),
        ({"state": ManagedState.SKIPPED, "reason": "X of a is '1'"}, 0, "Job 1 was left out: X of a is '1'"),
        ({"state": ManagedState.FAILED, "exit_code": -9}, 137, "Job 1 failed with exit code -9."),
    ],
)
def test_how_a_job_ends(styx, client: FakeClient, end, code, said):
    """A job that does not succeed is told in a sentence, and the exit code is the job's."""
    client.jobs.end = end
    result = styx("jobs", "launch", "--", "ls")
    assert (result.exit_code, said in result.stderr) == (code, True), result.stderr
    assert styx("jobs", "logs", "1", "--no-follow").exit_code == code


def test_options_of_a_job(styx, client: FakeClient):
    """What is said of the job beside its task arrives as it is meant."""
    words = "-d -y --priority 900 -p night --timeout 12h --max-restarts 3 --restart-on 33,34 --strategy failover"
    more = "--account dev --max-cost 2.50 --on-success https://a.example --on-failure https://b.example --gpus A100:2"
    assert styx("jobs", "launch", *words.split(), *more.split(), "ls").exit_code == 0
    _, task, options, _ = client.jobs.calls[0]
    assert options == JobOptions(
        strategy="failover",
        max_restarts=3,
        restart_exit_codes=(33, 34),
        timeout=43200.0,
        priority=900,
        pool="night",
        account="dev",
        max_hourly_cost=Decimal("2.50"),
        on_success=("https://a.example",),
        on_failure=("https://b.example",),
    )
    assert task.to_dict()["resources"] == {"accelerators": "A100:2"}


@pytest.mark.parametrize(
    "words",
    [
        ["--timeout", "12"],
        ["--timeout", "0h"],
        ["--restart-on", "33,x"],
        ["--restart-on", "300"],
        ["--priority", "1001"],
        ["--num-jobs", "0"],
        ["-c", "dev"],
        ["-o", "json"],
    ],
)
def test_options_that_make_no_sense(styx, client: FakeClient, words):
    """What cannot be meant is refused before anything is handed in."""
    assert styx("jobs", "launch", *words, "ls").exit_code == 2
    assert client.jobs.all == {}


def test_detached(styx, client: FakeClient):
    """With -d the numbers are printed, and how to go on; as JSON all about the jobs."""
    result = styx("jobs", "launch", "-d", "ls")
    assert result.stdout.startswith("Job 1 is handed in.\n  styx jobs logs 1 ")
    assert styx("jobs", "launch", "-d", "--num-jobs", "3", "ls").stdout.startswith("Jobs 2 to 4 are handed in.\n")
    (job,) = json.loads(styx("jobs", "launch", "-d", "-o", "json", "ls").stdout)
    assert (job["id"], job["name"], job["state"]) == (5, "job", "pending")


def test_an_array_is_followed_to_its_end(styx, client: FakeClient):
    """Of several jobs each change is told, and the exit code is that of the first that failed.

    One that its group has let go, as its primary jobs have ended, did not.
    """
    client.jobs.end = {"state": ManagedState.FAILED, "exit_code": 5, "reason": "boom"}
    result = styx("jobs", "launch", "--num-jobs", "2", "-n", "eval", "ls")
    assert (result.exit_code, result.stdout) == (
        5,
        "Job 1 (eval): failed, boom\nJob 2 (eval): failed, boom\n",
    )
    client.jobs.end = {"state": ManagedState.CANCELLED, "stop_at": EPOCH}
    assert styx("jobs", "launch", "--num-jobs", "2", "ls").exit_code == 0


def test_a_file_of_several_tasks_is_a_group(styx, client: FakeClient, tmp_path: Path):
    """Each document is a job of one group, in the order of the file; options change all of them."""
    (tmp_path / "pipe.yaml").write_text(PIPELINE)
    assert styx("jobs", "launch", "-d", "-n", "other", "--cpus", "2", "pipe.yaml").exit_code == 0
    _, dag, _ = client.jobs.calls[0]
    assert dag.name == "other"
    assert [(task.spec.name, task.to_dict()["resources"]) for task in dag.tasks] == [
        ("one", {"cpus": "2"}),
        ("two", {"cpus": "2"}),
    ]
    assert dag.numbered_edges() == ((0, 1),)
    assert styx("jobs", "launch", "--num-jobs", "2", "pipe.yaml").exit_code == 2


def test_a_file_of_one_task(styx, client: FakeClient, tmp_path: Path):
    """A file with one task is one job, changed by the options."""
    (tmp_path / "one.yaml").write_text("name: one\nrun: echo 1\nworkdir: nowhere\n")
    (tmp_path / "here").mkdir()
    assert styx("jobs", "launch", "-d", "one.yaml").exit_code == 2
    assert styx("jobs", "launch", "-d", "-n", "other", "--workdir", "here", "one.yaml").exit_code == 0
    (job,) = client.jobs.all.values()
    assert job.name == "other"


@pytest.mark.usefixtures("paid")
def test_consent(styx, client: FakeClient, tmp_path: Path):
    """Nothing that costs money is handed in without consent, one task or several; --yes gives it."""
    (tmp_path / "pipe.yaml").write_text(PIPELINE)
    refused = styx("jobs", "launch", "ls")
    assert (refused.exit_code, client.jobs.all) == (2, {})
    assert "Hand in a job, on a cluster of its own on aws/us-east-1" in refused.stderr
    assert "$32.77 an hour" in refused.stderr
    assert "Hand in 2 jobs for about $65.54 in all?" in styx("jobs", "launch", "pipe.yaml").stderr
    assert client.jobs.all == {}
    assert styx("jobs", "launch", "-y", "ls").exit_code == 0


@pytest.mark.usefixtures("paid", "terminal")
def test_consent_at_the_terminal(styx, client: FakeClient, monkeypatch: pytest.MonkeyPatch):
    """The offers are shown before the question, with what happens should the cluster go."""
    monkeypatch.setattr("styx.cli.managedlaunch.interactive", lambda: True)
    result = styx("jobs", "launch", "--max-cost", "40", "-d", "ls", stdin="y\n")
    assert result.exit_code == 0
    assert "p4d.24xlarge" in result.stderr
    assert "goes on where it is cheapest then, for at most $40.00 an hour." in result.stderr
    assert len(client.jobs.all) == 1
    client.interrupt.add("plan")
    assert styx("jobs", "launch", "ls").exit_code == 130
    assert len(client.jobs.all) == 1


@pytest.mark.usefixtures("paid")
def test_dry_run(styx, client: FakeClient, tmp_path: Path):
    """--dryrun shows the offers of one task or the plan of several, and hands nothing in."""
    (tmp_path / "pipe.yaml").write_text(PIPELINE)
    assert "p4d.24xlarge" in styx("jobs", "launch", "--dryrun", "ls").stdout
    plan = json.loads(styx("jobs", "launch", "--dryrun", "-o", "json", "pipe.yaml").stdout)
    assert [task["name"] for task in plan["tasks"]] == ["one", "two"]
    assert client.jobs.all == {}


def test_ctrl_c_leaves_the_job(styx, client: FakeClient):
    """Ctrl-C while a job waits or runs leaves it alone, and says how to come back."""

    def interrupt(_number: int) -> None:
        raise KeyboardInterrupt

    client.jobs.looked = interrupt
    result = styx("jobs", "launch", "ls")
    assert result.exit_code == 130
    assert "Detached; the job goes on. To come back to it:\n  styx jobs logs 1 " in result.stderr


def test_queue(styx, client: FakeClient):
    """Newest first, with why a job waits, what it has cost and how often it had to move."""
    client.jobs.add("eval", "pending", waiting=2, rank=1, size=2, task={"envs": {"STYX_JOB_RANK": "1"}})
    client.jobs.add("train", recoveries=3, cost=Decimal("12.5"), cluster="train-2", started_at=EPOCH, reason="up")
    header, train, evaluation = styx("jobs", "queue").stdout.splitlines()
    assert header.split() == [
        "ID",
        "NAME",
        "STATE",
        "USER",
        "SUBMITTED",
        "RAN",
        "RECOVERIES",
        "COST",
        "CLUSTER",
        "REASON",
    ]
    assert train.split()[:4] == ["2", "train", "running", "me"]
    assert train.split()[-4:] == ["3", "$12.50", "train-2", "up"]
    assert evaluation.split()[1] == "eval[1]"
    assert evaluation.endswith("waits for 2 jobs of its group")


def test_queue_json(styx, client: FakeClient):
    """The JSON shape of a managed job is fixed."""
    client.jobs.add(
        cost=Decimal("0.25"), task={"resources": {"use_spot": True}}, error={"code": "x"}, outputs={"a": "b"}
    )
    (job,) = json.loads(styx("jobs", "queue", "-o", "json").stdout)
    assert job == {
        "id": 1,
        "name": "train",
        "state": "running",
        "reason": None,
        "user": "me",
        "pool": None,
        "group": None,
        "rank": 0,
        "size": 1,
        "needs": [],
        "waiting": 0,
        "priority": 500,
        "cluster": None,
        "runs": 0,
        "restarts": 0,
        "recoveries": 0,
        "exit_code": None,
        "error": {"code": "x"},
        "outputs": {"a": "b"},
        "cost": "0.25",
        "spot": True,
        "created_at": "2025-01-02T03:04:06Z",
        "updated_at": "2025-01-02T03:04:06Z",
        "started_at": None,
        "ended_at": None,
        "primary": None,
        "stop_at": None,
    }


def test_pages(styx, client: FakeClient):
    """A page that is full says how to go on; filters are the store's."""
    for _ in range(3):
        client.jobs.add()
    first = styx("jobs", "queue", "-l", "2")
    assert [line.split()[0] for line in first.stdout.splitlines()[1:]] == ["3", "2"]
    assert "--after 2" in first.stderr
    assert [line.split()[0] for line in styx("jobs", "queue", "--after", "2").stdout.splitlines()[1:]] == ["1"]
    styx("jobs", "queue", "-s", "--user", "me")
    assert client.jobs.calls[-1] == ("list", JobQuery(user="me", ended=False, limit=50))
    assert styx("jobs", "queue", "--state", "failed").stdout == "No jobs.\n"
    assert styx("jobs", "queue", "--state", "failing").exit_code == 2


def test_status(styx, client: FakeClient):
    """All that is known of a job and what happened to it; without a number of the newest."""
    client.jobs.add("old")
    client.jobs.add("new", "failed", exit_code=3, reason="boom", runs=2, restarts=1, needs=(1,))
    shown = styx("jobs", "status").stdout
    assert shown.startswith("Job 2\n  name        new\n  state       failed\n  reason      boom\n")
    assert "runs        2 (1 restart, 0 recoveries)" in shown
    assert "2025-01-02 03:04:05Z  pending -> starting: its turn" in shown
    both = json.loads(styx("jobs", "status", "1", "2", "-o", "json").stdout)
    assert [job["name"] for job in both] == ["old", "new"]
    assert both[0]["events"][-1]["to"] == "starting"
    assert styx("jobs", "status", "9").exit_code == 2


@pytest.fixture
def me(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks is called ``me``."""
    monkeypatch.setattr("styx.client.access.whoami", lambda: "me")


@pytest.mark.usefixtures("me")
def test_cancel(styx, client: FakeClient):
    """One job is ended without a question, several after one; what has ended is left as it is."""
    client.jobs.add("a")
    client.jobs.add("b", pool="night")
    client.jobs.add("b")
    client.jobs.add("c", "succeeded")
    assert styx("jobs", "cancel", "1").stdout == "Ending job 1.\n"
    assert styx("jobs", "cancel", "4").stdout == "Job 4 has ended already: succeeded.\n"
    assert styx("jobs", "cancel", "-n", "b").exit_code == 2
    assert styx("jobs", "cancel", "-p", "night").stdout == "Ending job 2.\n"
    assert styx("jobs", "cancel", "--all", "-y").stdout == "Ending job 3.\n"
    assert styx("jobs", "cancel", "--all", "-y").stdout == "Nothing to end: no such job was waiting or running.\n"
    assert styx("jobs", "cancel", "9").exit_code == 2


@pytest.mark.usefixtures("me")
def test_cancel_what_is_somebody_elses(styx, client: FakeClient):
    """By name, pool or --all one's own jobs are meant; those of others where they are asked for too."""
    client.jobs.add("a")
    client.jobs.add("a", user="somebody")
    assert styx("jobs", "cancel", "-n", "a").stdout == "Ending job 1.\n"
    assert styx("jobs", "cancel", "--all").stdout == "Nothing to end: no such job was waiting or running.\n"
    assert styx("jobs", "cancel", "-u").stdout == "Ending job 2.\n"


@pytest.mark.parametrize("words", [[], ["1", "--all"], ["-n", "a", "-p", "b"], ["x"], ["0"]])
def test_cancel_bad_input(styx, client: FakeClient, words):
    """Nothing, or two things at once: exit code 2 and nothing is ended."""
    client.jobs.add()
    assert styx("jobs", "cancel", *words).exit_code == 2
    assert client.jobs.all[1].state == "running"


def test_logs(styx, client: FakeClient):
    """By number, by name, or the newest; with --controller what the server did with it."""
    client.jobs.add("a", "succeeded")
    client.jobs.add("b", "succeeded")
    client.jobs.output = (b"\x1b[1mraw\xff", b"\n")
    assert styx("jobs", "logs").stdout_bytes == b"\x1b[1mraw\xff\n"
    assert ("logs", 2, True, None) in client.jobs.calls
    styx("jobs", "logs", "-n", "a", "--tail", "5", "--no-follow")
    assert ("logs", 1, False, 5) in client.jobs.calls
    assert styx("jobs", "logs", "1", "--controller").stdout == (
        "2025-01-02 03:04:05Z  pending\n2025-01-02 03:04:05Z  pending -> starting: its turn\n"
    )
    assert styx("jobs", "logs", "-n", "zzz").exit_code == 2
    assert styx("jobs", "logs", "1", "-n", "a").exit_code == 2


def test_no_job_yet(styx, client: FakeClient):
    """Before the first job the error says how to hand one in."""
    assert "styx jobs launch" in styx("jobs", "logs").stderr
    assert styx("jobs", "queue").stdout == "No jobs.\n"


def test_what_a_job_says_cannot_play_tricks(styx, client: FakeClient):
    """Names and reasons are shown without terminal escapes."""
    client.jobs.add("\x1b[31mred\u202e", "failed", reason="\x1b]0;title\x07line\nbreak")
    for words in (["queue"], ["status"], ["logs", "1"]):
        result = styx("jobs", *words)
        assert "\x1b" not in result.output
        assert "\u202e" not in result.output


def test_spot_launch(styx, client: FakeClient, tmp_path: Path):
    """Every task of a spot job is on spot, whatever its file says."""
    (tmp_path / "pipe.yaml").write_text("name: one\nrun: ls\nresources: {use_spot: false}\n---\nname: two\nrun: ls\n")
    assert styx("spot", "launch", "-d", "pipe.yaml").exit_code == 0
    assert [job.task["resources"] for job in client.jobs.all.values()] == [{"use_spot": True}] * 2
    assert styx("spot", "launch", "-d", "--no-use-spot", "ls").exit_code == 2


@pytest.mark.usefixtures("me")
def test_spot_queue_and_cancel(styx, client: FakeClient):
    """Only jobs on spot are listed, a full page of them, and only these are ended."""
    spot, mixed = {"use_spot": True}, {"any_of": [{"use_spot": True}, {"cpus": 1}]}
    for resources in (spot, {}, mixed, {"ordered": [spot, {**spot, "cpus": 1}]}):
        client.jobs.add(task={"resources": resources})
    assert [job["id"] for job in json.loads(styx("spot", "queue", "-o", "json").stdout)] == [4, 1]
    assert [job["id"] for job in json.loads(styx("spot", "queue", "-l", "1", "-o", "json").stdout)] == [4]
    assert styx("spot", "cancel", "--all", "-y").stdout == "Ending jobs 1, 4.\n"
    assert client.jobs.all[2].state == "running"
