"""What people do all day, on the local cloud with the real program."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

HELLO = """
name: hello
run: |
  echo "Hello from rank $STYX_NODE_RANK of $STYX_NUM_NODES"
"""


def states(styx, *words: str) -> dict[str, str]:
    """Clusters and their states."""
    found = json.loads(styx("status", *words, "-o", "json").stdout)
    return {each["name"]: each["state"] for each in found}


def test_hello(styx, tmp_path: Path):
    """A task file runs on a new cluster: its output is stdout, its exit code the program's, and all is on record."""
    (tmp_path / "hello.yaml").write_text(HELLO)
    result = styx("launch", "-c", "dev", "hello.yaml")
    assert (result.returncode, result.stdout) == (0, "Hello from rank 0 of 1\n"), result.stderr
    assert "Job 1 on dev; Ctrl-C leaves it running." in result.stderr
    assert states(styx) == {"dev": "up"}
    (job,) = json.loads(styx("queue", "dev", "-o", "json").stdout)
    assert (job["id"], job["name"], job["state"], job["exit_code"]) == (1, "hello", "succeeded", 0)
    assert styx("down", "dev", "-y").stdout == "Cluster dev is gone.\n"
    assert states(styx) == {}
    assert styx("status").stdout == "No clusters. `styx launch -c NAME -- COMMAND` makes one.\n"


def test_exit_codes_and_logs(styx):
    """The task's exit code is that of launch, exec and logs; logs can be tailed, and read for one rank."""
    failed = styx("launch", "-c", "dev", "echo one; echo two; echo oops >&2; exit 7")
    assert (failed.returncode, "Job 1 failed with exit code 7." in failed.stderr) == (7, True)
    assert sorted(failed.stdout.splitlines()) == ["one", "oops", "two"]
    assert styx("exec", "dev", "exit 3").returncode == 3
    again = styx("logs", "dev", "1")
    assert (again.returncode, again.stdout) == (7, failed.stdout)
    assert styx("logs", "dev", "1", "--tail", "1", "--no-follow").stdout == failed.stdout.splitlines()[-1] + "\n"
    assert styx("logs", "dev", "1", "-w", "0").stdout == failed.stdout
    status = styx("logs", "dev", "2", "--status")
    assert (status.returncode, status.stdout) == (3, "Job 2: failed\n")
    assert styx("logs", "dev", "9").returncode == 2
    assert styx("exec", "nope", "ls").returncode == 2


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(command, styx, tmp_path: Path, closed: str):
    """Whoever closes a stream wants to know nothing of it; the work is done all the same."""
    line = f'"$0" launch -c dev "echo hi; exit 3" {closed}'
    done = subprocess.run(["sh", "-c", line, *command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "" if " >&-" in f" {closed}" else "hi\n"), done.stderr
    assert "Traceback" not in done.stderr
    assert states(styx) == {"dev": "up"}


def test_bytes_come_through_unchanged(command, styx, tmp_path: Path):
    """What one node writes arrives byte for byte, and is downloaded byte for byte."""
    script = r"printf '\033[1mbold\033[0m\r 50%%\r100%%\n\377\376no newline'"
    expected = b"\x1b[1mbold\x1b[0m\r 50%\r100%\n\xff\xfeno newline"
    ran = subprocess.run([*command, "launch", "-c", "dev", script], cwd=tmp_path, capture_output=True, check=True)
    assert ran.stdout == expected
    (file,) = styx("logs", "dev", "--sync-down").stdout.splitlines()
    assert (tmp_path / file).read_bytes() == expected


def test_nodes_of_a_gang(styx, tmp_path: Path):
    """With two nodes every line says its rank; one fails, and the exit code is its."""
    said = tmp_path / "said"  # by rank 0: the gang ends with the first that fails
    script = (
        f'echo "I am $STYX_NODE_RANK"; test "$STYX_NODE_RANK" = 0 && touch {said} && exit\n'
        f"until test -e {said}; do sleep 0.05; done; exit 1"
    )
    result = styx("launch", "-c", "dev", "--num-nodes", "2", script)
    assert {"(rank 0) I am 0", "(rank 1) I am 1"} <= set(result.stdout.splitlines()), result.stderr
    assert result.returncode == 1
    assert styx("logs", "dev", "-w", "1").stdout.splitlines()[0] == "I am 1"
    nodes = json.loads(styx("status", "dev", "-v", "-o", "json").stdout)[0]["nodes"]
    assert [node["rank"] for node in nodes] == [0, 1]


def test_a_task_with_everything(styx, tmp_path: Path):
    """Working directory, files, setup, variables and secrets are there when the task runs."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "data.txt").write_text("from the workdir\n")
    (tmp_path / "extra.txt").write_text("from a mount\n")
    (tmp_path / "vars").write_text("FROM_FILE='a b'\n")
    (tmp_path / "task.yaml").write_text(
        "workdir: work\nfile_mounts: {~/extra.txt: extra.txt}\nenvs: {GREETING: hi}\nsetup: echo ready > ~/ready\n"
        'run: |\n  cat data.txt ~/extra.txt ~/ready\n  echo "$GREETING $FROM_FILE ${#TOKEN}"\n'
    )
    words = ["-c", "dev", "--env", "GREETING=hello", "--env-file", "vars", "--secret", "TOKEN", "task.yaml"]
    result = styx("launch", *words, TOKEN="hunter2")
    assert result.stdout.splitlines() == ["from the workdir", "from a mount", "ready", "hello a b 7"], result.stderr
    everything = "".join(
        styx(*words).stdout for words in (["status", "-v"], ["queue", "-o", "json"], ["status", "--history", "dev"])
    )
    assert "hunter2" not in everything + result.stderr


@pytest.mark.parametrize("workdir", ["", "workdir: work\n"])
def test_where_a_relative_target_is(styx, tmp_path: Path, workdir: str):
    """Where the job starts, with a workdir or without, by whichever name a task of SkyPilot's calls that directory."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "code.txt").write_text("code\n")
    (tmp_path / "x.txt").write_text("here\n")
    mounts = "file_mounts: {a/x.txt: x.txt, ./b.txt: x.txt, w: work, ~/w2: work}\n"
    script = "run: cat a/x.txt ~/sky_workdir/b.txt w/code.txt ~/w2/code.txt; ls\n"
    (tmp_path / "task.yaml").write_text(workdir + mounts + script)
    result = styx("launch", "-c", "dev", "task.yaml")
    there = ["a", "b.txt", *(["code.txt"] if workdir else []), "w"]
    assert result.stdout.split() == ["here", "here", "code", "code", *there], result.stderr


def test_cancel(styx, start):
    """A job that waits or runs can be cancelled, and the log says so with its exit code."""
    detached = styx("launch", "-c", "dev", "-d", "-o", "json", "--", "sleep", "600")
    assert json.loads(detached.stdout)["job_id"] == 1, detached.stderr
    assert styx("logs", "dev", "1", "--status").returncode == 75
    assert styx("cancel", "dev", "1").stdout == "Cancelled job 1.\n"
    assert styx("logs", "dev", "1").returncode == 143
    assert styx("cancel", "dev", "1").stdout == "Job 1 has ended already: cancelled.\n"
    assert styx("queue", "-s").stdout == "No jobs.\n"


def test_ctrl_c_detaches(styx, start):
    """Ctrl-C leaves the job running and says how to come back; coming back shows it from the beginning."""
    running = start("launch", "-c", "dev", "echo begin; until test -e ~/go; do sleep 0.05; done; echo end; exit 4")
    running.read_until("begin")
    code, err = running.interrupt()
    assert code == 130
    assert "Detached; the job goes on. To come back:\n  styx logs dev 1 " in err
    assert "Traceback" not in err
    assert styx("ssh", "dev", "touch ~/go").returncode == 0
    back = styx("logs", "dev", "1")
    assert (back.returncode, back.stdout) == (4, "begin\nend\n")


def test_stop_start_autostop(styx):
    """A cluster that is stopped runs nothing and keeps its files; autostop is set, shown and taken away."""
    styx("launch", "-c", "dev", "echo kept > ~/file")
    assert styx("stop", "dev", "-y").stdout == "Cluster dev is stopped.\n"
    assert states(styx) == {"dev": "stopped"}
    refused = styx("exec", "dev", "ls")
    assert (refused.returncode, "styx start dev" in refused.stderr) == (1, True)
    assert styx("start", "dev").stdout == "Cluster dev is up.\n"
    assert styx("exec", "dev", "cat ~/file").stdout == "kept\n"
    assert styx("autostop", "dev", "-i", "60").stdout == "Cluster dev has autostop 60m.\n"
    (cluster,) = json.loads(styx("status", "-o", "json").stdout)
    policy = {"idle_minutes": 60, "down": False, "wait_for": "jobs_and_ssh", "confirmed": True}
    assert cluster["autostop"] == policy
    styx("autostop", "dev", "--cancel")
    (cluster,) = json.loads(styx("status", "-o", "json").stdout)
    assert cluster["autostop"] is None


def test_ssh(styx):
    """One command runs on a node, with its output, its input and its exit code."""
    styx("launch", "-c", "dev")
    result = styx("ssh", "dev", "--", "echo", "a b")
    assert (result.returncode, result.stdout) == (0, "a b\n"), result.stderr
    assert styx("ssh", "dev", "cat; exit 9", stdin="typed").stdout == "typed"
    assert styx("ssh", "dev", "exit 9").returncode == 9
    assert styx("ssh", "dev", "-w", "5", "ls").returncode not in {0, 9}


def test_the_same_cluster_again(styx):
    """Launching onto a cluster that is up uses it; what does not fit it is refused and changes nothing."""
    styx("launch", "-c", "dev", "echo one")
    again = styx("launch", "-c", "dev", "echo two")
    assert (again.returncode, again.stdout) == (0, "two\n")
    refused = styx("launch", "-c", "dev", "--num-nodes", "3", "echo three")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert len(json.loads(styx("queue", "dev", "-o", "json").stdout)) == 2


def test_what_cannot_be_had(styx):
    """Nothing that fits is exit code 75 with the reason of each cloud, and nothing is made."""
    result = styx("launch", "--gpus", "H100:8", "--infra", "local", "ls")
    assert result.returncode == 75
    assert "H100" in result.stderr
    assert states(styx) == {}


def test_settings(styx, styx_home: Path):
    """Settings are written, read back and listed, and what does not validate changes nothing."""
    assert styx("config", "set", "allowed_clouds", "[local]").returncode == 0
    assert styx("config", "get", "allowed_clouds").stdout == "[local]\n"
    assert json.loads(styx("config", "list", "-o", "json").stdout) == {"allowed_clouds": ["local"]}
    assert styx("config", "path").stdout == f"{styx_home / 'config.yaml'}\n"
    assert styx("config", "set", "allowed_cluods", "[local]").returncode == 2
    assert styx("config", "unset", "allowed_clouds").returncode == 0


def test_check_and_doctor(styx):
    """The local cloud can be used, and a new installation is in order."""
    found = {each["name"]: each for each in json.loads(styx("check", "-o", "json").stdout)}
    assert found["local"]["enabled"]
    assert styx("check", "local").returncode == 0
    doctor = styx("doctor", "-o", "json")
    assert doctor.returncode == 0, doctor.stdout
    assert {"check", "level", "message", "fix"} == set(json.loads(doctor.stdout)[0])


def test_a_reader_that_leaves(command, styx, tmp_path: Path):
    """``styx logs | head`` ends quietly, whatever is left to be read."""
    styx("launch", "-c", "dev", "seq 200000")
    pipe = subprocess.run(
        ["bash", "-c", f"{command[0]} logs dev | head -n 2; echo ${{PIPESTATUS[0]}}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert (pipe.stdout, pipe.stderr) == ("1\n2\n141\n", "")


def test_a_database_that_is_damaged(styx, styx_home: Path):
    """A damaged database is one message that names the file, and exit code 74."""
    styx_home.mkdir(exist_ok=True)
    file = styx_home / "state.db"
    file.write_bytes(b"this is no database" * 100)
    result = styx("status")
    assert result.returncode == 74
    assert str(file) in result.stderr
    assert "Traceback" not in result.stderr
    file.unlink()


def test_a_database_that_is_lost_while_a_cluster_runs(styx, styx_home: Path):
    """Status does not say that there is nothing; with the database put back all is as it was."""
    styx("launch", "-c", "dev", "-d", "sleep 100")
    database = styx_home / "state.db"
    kept = database.rename(styx_home / "kept.db")
    said = styx("status").stdout
    assert said.startswith("No clusters on record. The database was lost and made anew at ")
    found = {each["check"]: each for each in json.loads(styx("doctor", "-o", "json").stdout)}
    assert found["records"]["level"] == "warning"
    assert any(found["records"]["fix"].split("'")[1] in path.name for path in (styx_home / "local" / "nodes").iterdir())
    kept.rename(database)
    assert states(styx, "-r") == {"dev": "up"}
    assert styx("down", "dev", "-y").stdout == "Cluster dev is gone.\n"
