"""Jobs that wait for each other, that wait for their turn, and that tell others of their end."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from styx.jobs.model import JobOptions
from styx.jobs.submit import submit_dag
from styx.spec import Dag, Task
from styx.store.groups import OVER
from styx.store.managed import ManagedJob, ManagedState
from support.managed import Installation, lives
from support.plugin_packages import Package
from support.scripted_http import Script

pytestmark = pytest.mark.slow

GIVES = Task("gives", output_names=["ANSWER"]).run('echo ANSWER=42 >> "$STYX_OUTPUTS"')
FAST = JobOptions()
LISTENER = """
name = "listener"
summary = "Writes down what it hears of jobs."
implements = ["styx_event"]
hooks = "styx_listener.hooks"

[contract]
hooks = "1.0"
"""
HEARS = """
import os

def styx_event(event):
    with open(os.environ["HEARD"], "a") as file:
        print(event.data["job"], event.from_state, "->", f"{event.to_state}: {event.reason}", file=file)
"""


def local(task: Task) -> Task:
    """The task on this machine."""
    return task.override({"infra": "local", "cpus": "0.1+"})


def hand_in(installation: Installation, *tasks: Task, options: JobOptions = FAST, **header: object) -> list[ManagedJob]:
    """The tasks as a Dag, as a job group where there is a header; they say themselves what they come after."""
    dag = Dag("pipeline", execution="parallel" if header else "serial", options=header)
    for task in tasks:
        dag.add(local(task))
    return submit_dag(installation.store, installation.sealer, dag, options, user="me")


def test_outputs_are_handed_on(served: Installation) -> None:
    """A job starts once those before it have succeeded, with what they gave in its environment."""
    uses = Task("uses", depends_on=["gives"]).env(GOT="${{ tasks.gives.outputs.ANSWER }}").run('echo "got $GOT"')
    first, second = hand_in(served, GIVES, uses)
    assert served.ended(second).state is ManagedState.SUCCEEDED
    assert served.log(second) == "got 42\n"
    before = served.store.jobs.get(first.id)
    assert before.outputs == {"ANSWER": "42"}
    assert before.ended_at <= served.store.jobs.get(second.id).started_at


def test_a_condition_decides_whether_a_job_runs(served: Installation) -> None:
    """One whose condition does not come true is left out, with what was so instead, and costs no start."""
    other = Task("other").when('tasks.gives.outputs.ANSWER == "43"').run("echo ran")
    same = Task("same").when('tasks.gives.outputs.ANSWER == "42"').run("echo ran")
    _, left_out, ran = hand_in(served, GIVES, other, same)
    found = served.ended(left_out)
    assert (found.state, found.reason, found.runs) == (ManagedState.SKIPPED, "ANSWER of gives is '42'", 0)
    assert served.ended(ran).state is ManagedState.SUCCEEDED


def test_what_comes_after_a_failure(served: Installation) -> None:
    """It never starts, and says why; what deals with failures does, and what comes in any case, if it has what it uses.

    What deals with failures where nothing has failed is left out.
    """
    bad = Task("bad", output_names=["AT"]).run("exit 3")
    uses = Task("uses").env(AT="${{ tasks.bad.outputs.AT }}").when("always").run("echo ran")
    mend = Task("mend", depends_on=["after"]).when("failure").run("echo mended")
    idle = Task("idle", depends_on=["mend"]).when("failure").run("echo ran")
    made = hand_in(served, bad, Task("after", depends_on=["bad"]).run("echo ran"), uses, mend, idle)
    first, *others = [served.ended(job) for job in made]
    assert [(job.state, job.reason) for job in others] == [
        (ManagedState.CANCELLED, f"job {first.id} (bad) failed"),
        (ManagedState.FAILED, "bad gave no AT"),
        (ManagedState.SUCCEEDED, ""),
        (ManagedState.SKIPPED, "nothing has failed that it comes after"),
    ]
    assert [served.log(job) for job in made] == ["", "", "", "mended\n", ""]


def test_a_group_ends_with_its_primary_job_whatever_becomes_of_the_server(tmp_path: Path) -> None:
    """The others have the time that it says, also where their server is killed meanwhile; then nothing of them runs."""
    installation = Installation(tmp_path / "home")
    server = installation.serve()
    helper = Task("helper").run(f"echo $$ > {tmp_path}/pid; sleep 1000")
    job = Task("job").run(f"until [ -e {tmp_path}/go ]; do sleep 0.1; done")
    slow, primary = hand_in(installation, helper, job, primary_tasks=["job"], termination_delay="3s")
    installation.running(slow)
    installation.running(primary)
    (tmp_path / "go").touch()
    over = installation.ended(primary)
    server.kill()
    server.wait()
    let_go = installation.store.jobs.get(slow.id)
    assert (let_go.state, let_go.stop_at) == (ManagedState.RUNNING, over.ended_at + timedelta(seconds=3))
    installation.serve()
    found = installation.ended(slow)
    assert (found.state, found.reason, found.good) == (ManagedState.CANCELLED, OVER, True)
    assert found.ended_at >= let_go.stop_at
    assert not lives(int((tmp_path / "pid").read_text()))
    installation.close()


def test_the_end_is_told(tmp_path: Path, receiver: Script) -> None:
    """To the URLs for this end, where the settings allow it; elsewhere it is noted that it was not."""
    installation = Installation(tmp_path / "home")
    (tmp_path / "home" / "config.yaml").write_text("jobs: {webhooks_allow: [localhost]}\n")
    installation.serve()
    elsewhere = receiver.url.replace("127.0.0.1", "localhost")
    options = JobOptions(on_success=(elsewhere,), on_failure=(receiver.url,))
    good, bad = (installation.submit(Task("t").run(run), options)[0] for run in ("true", "exit 4"))
    for job in (good, bad):
        installation.ended(job)
        installation.wait(job, lambda job: any(each.startswith("webhook") for each in installation.story(job)))
    (told,) = receiver.asked
    assert (told.json["job"]["id"], told.json["job"]["state"]) == (good.id, "succeeded")
    assert installation.story(good)[-1] == "webhook  localhost: answered 204"
    assert "127.0.0.1 is not a public address" in installation.story(bad)[-1]
    installation.close()


def test_ends_of_jobs_that_waited_are_told(tmp_path: Path, receiver: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """To URLs and to plugins, once though two servers could: what was cancelled, and what could not run without it."""
    Package(name="listener", manifest=LISTENER, modules={"hooks": HEARS}, clouds=()).install(tmp_path / "site")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.setenv("HEARD", str(tmp_path / "heard"))
    installation = Installation(tmp_path / "home")
    (tmp_path / "home" / "config.yaml").write_text("jobs: {webhooks_allow: [127.0.0.1], pools: {shut: 0}}\n")
    options = JobOptions(on_failure=(receiver.url,), pool="shut")
    jobs = hand_in(installation, Task("first").run("true"), Task("second").after("first").run("true"), options=options)
    installation.store.jobs.cancel([jobs[0].id], reason="by me")  # when there is no server yet
    for _ in range(2):
        installation.serve()
    jobs += installation.submit(Task("third").run("true"), options)
    installation.store.jobs.cancel([jobs[2].id])
    for job in jobs:
        installation.wait(job, lambda job: installation.story(job)[-1] == "webhook  127.0.0.1: answered 204")
    assert sorted(told.json["job"]["id"] for told in receiver.asked) == [job.id for job in jobs]
    assert sorted((tmp_path / "heard").read_text().splitlines()) == [
        f"{jobs[0].id} pending -> cancelled: by me",
        f"{jobs[1].id} pending -> cancelled: job {jobs[0].id} (first) was cancelled",
        f"{jobs[2].id} pending -> cancelled: ",
    ]
    assert {installation.store.jobs.get(job.id).server for job in jobs} == {""}
    installation.close()


def test_jobs_take_turns(tmp_path: Path) -> None:
    """So many at once as the settings say, of each pool too, and the most important first."""
    installation = Installation(tmp_path / "home")
    (tmp_path / "home" / "config.yaml").write_text("jobs: {at_once: 2, pools: {narrow: 1}}\n")
    log = tmp_path / "log"
    say = f'echo "$NAME" >> {log}; sleep 1'
    narrow = installation.submit(Task("n").env(NAME="narrow").run(say), JobOptions(pool="narrow"), count=2)
    wide = [
        installation.submit(Task("w").env(NAME=f"p{priority}").run(say), JobOptions(priority=priority))[0]
        for priority in (1, 9)
    ]
    installation.serve()
    found = [installation.ended(job) for job in (*narrow, *wide)]
    first, second = sorted(found[:2], key=lambda job: job.started_at)
    assert first.ended_at <= second.started_at, "one of a pool at a time"
    order = log.read_text().split()
    assert order.index("p9") < order.index("p1")
    installation.close()
