"""Completion in real shells, with the scripts that ``styx completion`` prints."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
# Completes the words given as arguments as bash does on TAB, and prints the possibilities.
BASH = """
eval "$(styx completion bash)"
compopt() { :; }  # works on TAB alone
COMP_WORDS=("$@")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
COMP_LINE="$*"
COMP_POINT=${#COMP_LINE}
spec=$(complete -p styx)
function=${spec##*-F }
${function%% *} styx "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def run(shell: list[str], script: str, *arguments: str) -> list[str]:
    """The lines that a script in a shell prints; it must print nothing on stderr."""
    result = subprocess.run(
        [*shell, script, *arguments],
        env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert result.stderr == ""
    return result.stdout.splitlines()


def in_bash(*words: str) -> list[str]:
    """What bash offers for the last of the words."""
    return run([shutil.which("bash") or pytest.skip("bash is not installed"), "-c"], BASH, "bash", *words)


@pytest.fixture
def clusters(styx_home: Path) -> None:
    """Two clusters and three managed jobs on record."""
    from styx.store import Store
    from styx.store.database import utc_now
    from styx.store.managed import NewJob
    from styx.store.records import ClusterRecord
    from styx.store.states import ClusterState

    with Store.open(home=styx_home) as store:
        for name in ("dev", "demo"):
            store.clusters.create(ClusterRecord(name, name, ClusterState.UP, utc_now(), utc_now(), cloud="local"))
        store.jobs.submit([NewJob(name, name, {}) for name in ("train", "eval", "train-2")])


@pytest.mark.usefixtures("clusters")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("styx", "la"), ["launch"]),
        (("styx", "st"), ["status", "start", "stop", "storage"]),
        (("styx", "zzz"), [""]),
        (("styx", "launch", "--retry"), ["--retry-until-up"]),
        (("styx", "launch", "--disk-tier", "h"), ["high"]),
        (("styx", "plugins", "en"), ["enable"]),
        (("styx", "logs", "de"), ["demo", "dev"]),
        (("styx", "down", "dev", "de"), ["demo"]),
        (("styx", "launch", "-c", "dem"), ["demo"]),
        (("styx", "status", "-o", "j"), ["json"]),
        (("styx", "launch", "--infra", "s"), ["ssh"]),
        (("styx", "check", "lo"), ["local"]),
        (("styx", "plugins", "disable", "lo"), ["local"]),
        (("styx", "plugins", "enable", "ss"), ["ssh"]),
        (("styx", "plugins", "show", "fi"), ["file"]),
        (("styx", "jobs", "logs", ""), ["3", "2", "1"]),
        (("styx", "jobs", "cancel", "3", ""), ["2", "1"]),
        (("styx", "spot", "cancel", "-n", "tr"), ["train", "train-2"]),
        (("styx", "jobs", "queue", "--st"), ["--state", "--status"]),
        (("styx", "config", "set", "clouds.s"), ["clouds.ssh"]),
        (("styx", "config", "get", "d"), ["database"]),
    ],
)
def test_bash(words, expected):
    """Commands, options, their values and names of clusters are completed."""
    assert in_bash(*words) == expected


@pytest.mark.usefixtures("clusters")
def test_of_a_server(styx_home: Path, monkeypatch: pytest.MonkeyPatch):
    """Where a server has the clusters and jobs, those that it listed last are completed, and none of this home's."""
    from styx.client.remote.seen import note

    monkeypatch.setenv("STYX_API_URL", "styx.example.org/")
    assert in_bash("styx", "down", "") == [""]
    note("https://styx.example.org", ["far", "deep"], [(7, "fit", "running")])
    assert in_bash("styx", "down", "d") == ["deep"]
    note("https://styx.example.org", jobs=[(9, "eval", "pending")])
    assert in_bash("styx", "jobs", "logs", "") == ["9", "7"]
    assert in_bash("styx", "logs", "f") == ["far"]
    (styx_home / "seen.json").write_text('{"url": "https://styx.example.org", "jobs": [[1]], "clusters": 4}')
    assert in_bash("styx", "logs", "") == [""]


def test_options_that_are_refused_are_not_offered():
    """Hidden flags and those of other programs are not completed."""
    offered = in_bash("styx", "launch", "--")
    assert "--gpus" in offered
    assert not {"--async", "--no-async", "--clone-disk-from"}.intersection(offered)


@pytest.mark.parametrize("words", [("launch", "--infra", ""), ("plugins", "show", ""), ("config", "set", "")])
def test_nothing_is_imported_to_complete(words):
    """Names come from the index: neither pydantic nor a plugin's code is imported for them."""
    program = "from styx.cli.main import main; main()"
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", program],
        env={
            **os.environ,
            "_STYX_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(["styx", *words]),
            "COMP_CWORD": str(len(words)),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "plain," in result.stdout
    imported = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert not {name for name in imported if name.startswith(("pydantic", "sqlalchemy", "styx.builtin"))}


def test_the_lines_in_help_work_in_a_fresh_home(tmp_path: Path):
    """The lines that install the script for bash, as help has them, need nothing to be there."""
    from styx.cli.commands.completion import INSTALL

    lines = [line for line in INSTALL.splitlines() if "bash" in line and not line.startswith(("#", "eval"))]
    home = tmp_path / "home"
    home.mkdir()
    run(["env", f"HOME={home}", shutil.which("bash") or pytest.skip("bash is not installed"), "-ec"], "\n".join(lines))
    assert "_styx_completion" in (home / ".local/share/bash-completion/completions/styx").read_text()


def test_without_a_database():
    """Before the first launch there is nothing to complete, and no error on the prompt."""
    assert in_bash("styx", "down", "") == [""]


@pytest.mark.parametrize("content", [b"", b"rubbish"])
def test_a_database_that_cannot_be_read(styx_home: Path, content):
    """A damaged database completes nothing and says nothing."""
    styx_home.mkdir(exist_ok=True)
    (styx_home / "state.db").write_bytes(content)
    assert in_bash("styx", "down", "") == [""]


def test_settings_that_cannot_be_read(styx_home: Path):
    """Broken settings complete nothing and say nothing."""
    styx_home.mkdir(exist_ok=True)
    (styx_home / "plugins.json").write_text("{")
    assert in_bash("styx", "la") == [""]
    assert in_bash("styx", "launch", "--retry") == ["--retry-until-up"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_take_the_script(shell):
    """The scripts for zsh and fish are at least valid there, and know the program."""
    program = shutil.which(shell) or pytest.skip(f"{shell} is not installed")
    script = {
        "zsh": 'autoload -U compinit && compinit -u && eval "$(styx completion zsh)" && echo ${_comps[styx]}',
        "fish": "styx completion fish | source; complete -C 'styx laun'",
    }[shell]
    assert run([program, "-c"], script)


@pytest.mark.parametrize("command", ["ls", "cp"])
def test_uris_in_bash(styx_home: Path, command: str) -> None:
    """Bash parts words at colons: what it is offered fits to the part that it replaces."""
    from styx.store.seen import note_buckets

    styx_home.mkdir(exist_ok=True)
    note_buckets(styx_home, ["file://datasets", "file://models"])
    assert "file://" in in_bash("styx", "storage", command, "fi")
    assert in_bash("styx", "storage", command, "file", ":", "//") == ["//datasets/", "//models/"]
    assert in_bash("styx", "storage", command, "file", ":", "//da") == ["//datasets/"]
    assert in_bash("styx", "storage", "cp", "file", ":", "//models/a", "file", ":", "//m") == ["//models/"]
    assert in_bash("styx", "storage", "delete", "mod") == ["models"]
