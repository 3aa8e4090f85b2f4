"""Flags that people bring along from SkyPilot: each one works, or is refused with a sentence."""

import importlib

import click
import pytest

from styx.cli.habits import EVERYWHERE
from styx.cli.table import COMMANDS
from support.fake_client import FakeClient

TASK = (
    "--workdir --infra --num-nodes --cpus --memory --disk-size --disk-tier --network-tier --use-spot --no-use-spot "
    "--image-id --env-file --env --secret-file --secret --local-disk --gpus --instance-type -t --ports --git-url "
    "--git-ref --name -n --async --no-async --config"
)
# The commands and flags of SkyPilot 0.14 that have a counterpart here.
FLAGS = {
    "launch": f"{TASK} --cluster -c --dryrun --detach-run -d -no-d --priority --idle-minutes-to-autostop -i --wait-for "
    "--down --retry-until-up -r --yes -y --no-setup --clone-disk-from --clone --fast --resize --workspace -w",
    "exec": f"{TASK} --detach-run -d",
    "status": "--config --verbose -v --refresh -r --ip --endpoints --endpoint --show-managed-jobs "
    "--no-show-managed-jobs --show-services --no-show-services --show-pools --no-show-pools --all-users -u --output -o",
    "start": "--config --all -a --yes -y --idle-minutes-to-autostop -i --wait-for --down --retry-until-up -r --force "
    "-f --async --no-async",
    "stop": "--config --all -a --all-users -u --yes -y --graceful --graceful-timeout --async --no-async",
    "autostop": "--config --all -a --all-users -u --idle-minutes -i --wait-for --cancel --down --yes -y --async "
    "--no-async",
    "down": "--config --all -a --all-users -u --yes -y --purge -p --graceful --graceful-timeout --async --no-async",
    "queue": "--config --all-users -u --skip-finished -s --output -o",
    "cancel": "--config --all -a --all-users -u --yes -y --async --no-async",
    "logs": "--config --provision --hook --worker -w --sync-down -s --status --follow --no-follow --tail",
    "check": "--config --verbose -v --workspace -w --output -o",
    "jobs launch": f"{TASK} --priority --job-recovery --detach-run -d --pool -p --num-jobs --job-group --no-job-group "
    "--workspace -w --yes -y",
    "jobs queue": "--config --verbose -v --limit -l --refresh -r --skip-finished -s --status --since --after --before "
    "--infra --all-users -u --all -a --output -o",
    "jobs cancel": "--config --name -n --pool -p --task --graceful --graceful-timeout --all -a --yes -y --all-users -u",
    "jobs logs": "--config --name -n --follow --no-follow --controller --refresh -r --sync-down -s --tail",
    "api start": "--deploy --host --foreground --enable-basic-auth --port",
    "api status": "--config --all-status -a --limit -l --cluster -c --verbose -v --output -o",
    "api login": "--config --endpoint -e --relogin --service-account-token --token -t --no-browser",
    "api logs": "--config --server-logs --log-path -l --tail --follow --no-follow",
    "api info": "--config --output -o",
}
CASES = [(command, flag) for command, flags in FLAGS.items() for flag in flags.split()]


def load(name: str) -> click.Command:
    """The command itself."""
    first, *rest = name.split()
    module, _, attribute = COMMANDS[first].target.partition(":")
    command = getattr(importlib.import_module(module), attribute)
    for inner in rest:
        command = command.commands[inner]
    return command


def options(command: click.Command) -> set[str]:
    """All its flags."""
    return {flag for each in command.params for flag in (*each.opts, *each.secondary_opts) if flag.startswith("-")}


@pytest.mark.parametrize(("name", "flag"), CASES)
def test_every_flag_is_an_option_or_refused(name, flag):
    """No flag is both, and none is met with a bare "no such option"."""
    command = load(name)
    assert (flag in options(command)) != (flag in command.refused)


@pytest.mark.parametrize("name", sorted(FLAGS))
def test_refusals_are_sentences(styx, client: FakeClient, name):
    """A refused flag ends with exit code 2 and a sentence that says what to do instead; nothing is done."""
    command = load(name)
    for flag, sentence in command.refused.items():
        result = styx(*name.split(), flag)
        assert result.exit_code == 2
        assert f"There is no {flag}: {sentence}" in result.stderr
        assert sentence.endswith((".", "..."))
    assert client.calls == []


def test_what_is_refused_everywhere(styx, client: FakeClient):
    """Some flags are refused by every command, also those of groups."""
    for flag in EVERYWHERE:
        for words in (["ssh", "a"], ["doctor"], ["plugins", "list"], ["config", "get", "x"]):
            result = styx(*words, flag)
            assert (result.exit_code, f"There is no {flag}: " in result.stderr) == (2, True)


@pytest.mark.parametrize(
    "words",
    [
        ["status", "-u", "--no-show-managed-jobs", "--no-show-services", "--no-show-pools"],
        ["queue", "--all-users"],
        ["stop", "a", "-y", "--no-async"],
        ["exec", "a", "-no-d", "--no-async", "ls"],
    ],
)
def test_what_is_so_anyway(styx, client: FakeClient, words):
    """Flags that say what is the case anyway are taken, and are not in the help."""
    client.add("a")
    assert styx(*words).exit_code == 0
    assert "no-async" not in styx(words[0], "--help").stdout
    assert "all-users" not in styx(words[0], "--help").stdout


def test_the_name_of_a_task_is_not_taken_from_a_flag(styx, client: FakeClient):
    """``-no-d`` is one flag, and not ``-n`` with the name ``o-d``."""
    client.add("a")
    styx("exec", "a", "-no-d", "ls")
    assert client.queues["a"][-1].task.spec.name is None
