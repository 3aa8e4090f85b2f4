"""Rules about what a job is given, and who must never see it."""

from __future__ import annotations

import json
from pathlib import Path
from secrets import token_hex

import pytest

from styx.testing.backend.base import BackendRules
from styx.testing.backend.bench import Bench, text
from styx.testing.verdict import expect

ODD_VALUES = {
    "PLAIN": "value",
    "EMPTY": "",
    "SPACES": "  two  spaces  ",
    "QUOTES": 'it\'s "quoted" and `ticked`',
    "DOLLAR": "$HOME ${PATH} $(id)",
    "LINES": "one\ntwo\n",
    "SCRIPTS": "Grüße 日本語",
    "BACKSLASH": "a\\b\\n",
}
# Of this process alone: another run of the kit on this machine may test a backend that shows its secrets.
SECRET = f"hunter2-conformance-{token_hex(6)}"


class EnvironmentRules(BackendRules):
    """Variables, secrets, and what Styx tells every job."""

    @pytest.mark.parametrize("where", ["setup", "run"])
    async def test_envs_reach_the_job(self, bench: Bench, where: str) -> None:
        """Every variable arrives as it was given, whatever characters are in it, in setup and in run."""
        script = "\n".join(f'printf "%s\\0" "${{{name}-missing}}"' for name in ODD_VALUES)
        job = bench.job(script, envs=ODD_VALUES) if where == "run" else bench.job(":", setup=script, envs=ODD_VALUES)
        got = (await bench.say(job)).get(0, b"").decode(errors="replace").split("\0")[:-1]
        wrong = {name: seen for (name, value), seen in zip(ODD_VALUES.items(), got, strict=False) if seen != value}
        expect(
            not wrong and len(got) == len(ODD_VALUES),
            did=f"of {len(ODD_VALUES)} variables {len(got)} arrived, these changed: {wrong}",
            contract="envs are environment variables of setup and run",
            change="pass them to exec as an environment; if a shell must see them, quote with shlex.quote",
        )

    async def test_secrets_reach_the_job(self, bench: Bench) -> None:
        """Secrets are environment variables of the job, like envs."""
        said = text(await bench.say(bench.job('echo "${#TOKEN} $TOKEN" | rev', secrets={"TOKEN": SECRET})))
        expect(
            said[::-1] == f"{len(SECRET)} {SECRET}",
            did=f"a secret of {len(SECRET)} characters reached the job as one of {said[::-1].split(' ')[0]!r}",
            contract="secrets become environment variables like envs",
            change="add them to the environment of every rank",
        )

    async def test_secrets_are_not_listed(self, bench: Bench) -> None:
        """Neither the list of jobs nor the log of a job that does not print it shows a secret."""
        info = await bench.finish(bench.job("echo quiet", setup="echo set up", secrets={"TOKEN": SECRET}))
        logs = b"".join((await bench.output(info.id)).values()).decode(errors="replace")
        listed = repr(await bench.jobs()) + repr(info)
        expect(
            SECRET not in listed and SECRET not in logs,
            did=f"the secret is in {'jobs()' if SECRET in listed else 'the log'}",
            contract="secrets are never logged or listed",
            change="keep secrets out of JobInfo, and do not print commands or environments",
        )

    async def test_secrets_are_not_on_disk(self, bench: Bench) -> None:
        """While a job with a secret waits, runs and has ended, no file in a node's home holds it."""
        gate = bench.cluster.root / "gate"
        number = await bench.running(
            f"until [ -e {gate} ]; do sleep 0.05; done", setup=":", secrets={"TOKEN": SECRET}, num_nodes=2
        )
        found = _holding(bench.cluster.root, SECRET)
        gate.touch()
        await bench.wait(number)
        found += _holding(bench.cluster.root, SECRET)
        expect(
            not found,
            did=f"the secret is in {found}",
            contract="secrets are never stored outside memory or tmpfs",
            change="hand them over by a pipe or a socket, or by a file on tmpfs (/dev/shm) that only the user can read",
        )

    async def test_secrets_are_in_no_command_line(self, bench: Bench) -> None:
        """While a job with a secret runs, the process list does not show it."""
        gate = bench.cluster.root / "gate"
        number = await bench.running(f"until [ -e {gate} ]; do sleep 0.05; done", secrets={"TOKEN": SECRET})
        shown = [line for line in _command_lines() if SECRET in line]
        gate.touch()
        await bench.wait(number)
        expect(
            not shown,
            did=f"the process list shows the secret: {[line.replace(SECRET, '<secret>')[:80] for line in shown]}",
            contract="a command must hold no secret: it is visible in the process list of the node",
            change="pass it in the environment or on standard input, not as an argument",
        )

    async def test_the_callers_credentials_stay_here(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is in the environment of the client does not reach a job that did not ask for it."""
        monkeypatch.setenv("STYX_CONFORMANCE_TOKEN", SECRET)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        said = text(await bench.say(bench.job("env")))
        leaked = [line.split("=")[0] for line in said.split("\n") if SECRET in line]
        expect(
            not leaked,
            did=f"the job sees the client's {', '.join(leaked)}",
            contract="no cloud credentials on a node unless the task asks",
            change="start jobs from a list of variables that are let through",
        )

    async def test_task_id_and_cluster_info_are_told(self, bench: Bench) -> None:
        """STYX_TASK_ID is the task's id, STYX_CLUSTER_INFO what core says of the cluster, as a JSON object."""
        info = {"cluster_name": "conformance", "cloud": "process", "note": 'quotes " and ünïcode'}
        job = bench.job('printf "%s\\0" "$STYX_TASK_ID" "$STYX_CLUSTER_INFO"', task_id="task-17", cluster_info=info)
        task, told, *_ = [*(await bench.say(job)).get(0, b"").decode(errors="replace").split("\0"), "", ""]
        try:
            parsed = json.loads(told)
        except ValueError:
            parsed = None
        good = isinstance(parsed, dict) and info.items() <= parsed.items()
        expect(
            task == "task-17" and good,
            did=f"STYX_TASK_ID is {task!r}, STYX_CLUSTER_INFO {told!r}",
            contract="task_id and cluster_info of the job, the latter as JSON",
            change="set STYX_TASK_ID=job.task_id and STYX_CLUSTER_INFO=json.dumps(dict(job.cluster_info))",
        )

    async def test_gpus_per_node_are_told(self, bench: Bench) -> None:
        """STYX_NUM_GPUS_PER_NODE is a whole number; 0 for a job that asks for none."""
        said = text(await bench.say(bench.job('echo "$STYX_NUM_GPUS_PER_NODE"')))
        expect(
            said == "0",
            did=f"for a job without GPUs STYX_NUM_GPUS_PER_NODE is {said!r}",
            contract="STYX_NUM_GPUS_PER_NODE is how many GPUs each rank has",
            change="set it to math.ceil(job.gpus), 0 included",
        )

    async def test_skypilots_names_are_there_too(self, bench: Bench) -> None:
        """Each of the six variables has a twin under SkyPilot's name, so that its scripts run unchanged."""
        names = ("NODE_RANK", "NODE_IPS", "NUM_NODES", "NUM_GPUS_PER_NODE", "TASK_ID", "CLUSTER_INFO")
        script = "\n".join(
            f'[ "${{STYX_{name}-missing}}" = "${{SKYPILOT_{name}-lacking}}" ] || echo {name}' for name in names
        )
        job = bench.job(script, num_nodes=2, task_id="task-17", cluster_info={"cloud": "process"})
        differ = text(await bench.say(job)).split()
        expect(
            not differ,
            did=f"these differ between STYX_ and SKYPILOT_, or are missing: {differ}",
            contract="STYX_NODE_RANK, ... and the SKYPILOT_* twins",
            change="set each variable under both names",
        )


def _holding(root: Path, secret: str) -> list[str]:
    """The files below a directory that hold a text."""
    found = []
    for path in root.rglob("*"):
        try:
            if path.is_file() and secret.encode() in path.read_bytes():
                found.append(str(path.relative_to(root)))
        except OSError:
            continue  # gone meanwhile
    return found


def _command_lines() -> list[str]:
    """The command lines of all processes of this machine."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue  # gone meanwhile
    return found
