"""Six plugins, each unusable in a way of its own, beside one that is fine: nothing else suffers."""

import json
from pathlib import Path

import pytest

from support.plugin_packages import COMMAND, GOOD_CLOUD, Package

FINE = {"cloud": GOOD_CLOUD, "cli": COMMAND}
EXIT_UNUSABLE = 69


def manifest(name: str, *, cloud: str = "", command: str = "", head: str = "", version: str = "1.0") -> str:
    """A manifest with one cloud and two commands."""
    return f"""
name = "{name}"
summary = "The plugin {name}."
{head}
[contract]
cloud = "{version}"

[[provides]]
kind = "cloud"
name = "{cloud or name}"
target = "styx_{name}.cloud:AcmeCloud"

[[commands]]
name = "{name}"
target = "styx_{name}.cli:main"
help = "The command of {name}."
section = "Acme"

[[commands]]
name = "{command or name + "-more"}"
target = "styx_{name}.cli:main"
help = "The second command of {name}."
"""


def plugin(name: str, cloud: str = "", modules: dict[str, str] | None = None, **how: str) -> Package:
    """A plugin of this name."""
    return Package(
        name=name,
        manifest=manifest(name, cloud=cloud, **how),
        modules=modules or {**FINE, "cloud": GOOD_CLOUD.replace('"acme"', f'"{name}"')},
        clouds=(f"{cloud or name} = styx_{name}.cloud:AcmeCloud",),
    )


BROKEN = {
    "scrawl": plugin("scrawl", head='sumary = "twice"'),
    "crash": plugin("crash", modules=dict.fromkeys(FINE, "raise RuntimeError('no luck')\n")),
    "quits": plugin("quits", modules=dict.fromkeys(FINE, "import sys\nsys.exit(0)\n")),
    "future": plugin("future", version="9.0"),
    "nosdk": plugin("nosdk", head='requires = ["acme_sdk"]'),
    "taken": plugin("taken", cloud="local", command="launch"),
}
# status in the list, what the reason says, what the fix says
TOLD = {
    "scrawl": ("broken", "sumary is not known; did you mean 'summary'?", "Tell the author of styx-scrawl"),
    "future": ("incompatible", "written for cloud contract 9.0; this styx-core has 1.1", "a newer styx-core"),
    "nosdk": ("missing-dependency", "it needs acme_sdk, which is not installed", "pip install styx-nosdk"),
    "taken": ("conflict", "the cloud name 'local' is core's own", "styx plugins enable taken --prefer cloud:local"),
}
# What only shows when the code is imported.
FOUND_LATER = {"crash": "RuntimeError: no luck", "quits": "it called sys.exit(0)"}


@pytest.fixture(autouse=True)
def _installed(site: Path) -> None:
    plugin("good").install(site)
    for each in BROKEN.values():
        each.install(site)


def test_other_commands_work(styx):
    """Core's commands and those of a good plugin are not disturbed, and nothing is written on stderr."""
    for words in (
        ["--version"],
        ["--help"],
        ["status"],
        ["good"],
        ["good", "--loud"],
        ["launch", "--help"],
        ["config", "list"],
    ):
        result = styx(*words)
        assert (result.returncode, result.stderr) == (0, ""), words
    assert styx("good").stdout == "acme runs {}\n"
    assert "making the cluster if need be" in styx("launch", "--help").stdout


def test_all_commands_are_listed(styx):
    """The help lists the commands of every plugin; what is known not to work says so."""
    lines = styx("--help").stdout.splitlines()
    for name in ("good", *BROKEN):
        (line,) = [each for each in lines if each.split()[:1] == [name]]
        assert f"The command of {name}." in line
        assert ("[" in line) == (name in {"scrawl", "future"}), line


# Not "taken": its own commands can be used, only the names that it takes are in conflict.
@pytest.mark.parametrize("name", ["scrawl", "future", "nosdk", *FOUND_LATER])
def test_commands_explain_themselves(styx, name):
    """A command that cannot run says why and what to do, with exit code 69 and without a traceback."""
    for words in ([name], [name, "--help"], [f"{name}-more"]):
        result = styx(*words)
        assert result.returncode == EXIT_UNUSABLE, words
        assert result.stdout == ""
        error, hint = result.stderr.splitlines()
        assert error.startswith("Error: ")
        assert (TOLD[name][1] if name in TOLD else FOUND_LATER[name]) in error
        assert (TOLD[name][2] if name in TOLD else f"styx plugins disable {name}") in hint


def test_what_a_conflict_leaves_can_be_used(styx):
    """The plugin that takes names keeps the rest; the names stay with core."""
    assert styx("taken").returncode == 0
    clouds = json.loads(styx("plugins", "list", "-o", "json").stdout)
    assert next(each for each in clouds if each["name"] == "local")["status"] == "ok"


def test_list(styx):
    """The list shows status, reason and fix of each, for people and for programs."""
    found = {each["name"]: each for each in json.loads(styx("plugins", "list", "-o", "json").stdout)}
    for name, (status, reason, fix) in TOLD.items():
        assert found[name]["status"] == status
        assert reason in found[name]["reason"]
        assert fix in found[name]["fix"]
    for name in ("good", *FOUND_LATER):
        assert (found[name]["status"], found[name]["reason"], found[name]["fix"]) == ("ok", "", "")
    table = styx("plugins", "list").stdout
    for _, reason, fix in TOLD.values():
        assert reason in table
        assert fix in table


def test_check_finds_the_rest(styx):
    """Checking loads what is promised, finds what the list cannot know, and ends with 69."""
    result = styx("plugins", "check", "-o", "json")
    assert result.returncode == EXIT_UNUSABLE
    found = {(each["plugin"], each["what"]): each for each in json.loads(result.stdout)}
    for name, reason in FOUND_LATER.items():
        for what in (f"cloud {name}", f"command {name}"):
            assert found[name, what]["status"] == "broken"
            assert reason in found[name, what]["reason"]
            assert found[name, what]["fix"]
    assert {found["good", what]["status"] for what in ("cloud good", "command good")} == {"ok"}
    assert styx("plugins", "check", "good").returncode == 0


@pytest.mark.parametrize("name", [*TOLD, *FOUND_LATER])
def test_show(styx, name):
    """Everything known of a plugin can be looked at without importing it."""
    result = styx("plugins", "show", name)
    assert (result.returncode, result.stderr) == (0, "")
    assert f"styx {name}: The command of {name}." in result.stdout


def test_switching_off(styx):
    """A plugin that is switched off is explained as that, and is as it was once it is switched on again."""
    off = styx("plugins", "disable", "crash")
    assert off.returncode == 0
    assert off.stderr.startswith("crash is disabled: it is switched off in ")
    result = styx("crash")
    assert result.returncode == EXIT_UNUSABLE
    assert "Hint: `styx plugins enable crash` switches it on." in result.stderr
    assert "[disabled]" in next(line for line in styx("--help").stdout.splitlines() if line.split()[:1] == ["crash"])
    assert styx("plugins", "enable", "crash").stderr == "crash is ok.\n"
    assert "RuntimeError: no luck" in styx("crash").stderr


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"STYX_PLUGINS_DENY": "good"}, "STYX_PLUGINS_DENY names it"),
        ({"STYX_PLUGINS_ALLOW": "local,agent"}, "STYX_PLUGINS_ALLOW does not name it"),
    ],
)
def test_lists_in_the_environment(styx, environment, reason):
    """Allow and deny lists work from the environment, and cannot be overridden by switching on."""
    result = styx("good", **environment)
    assert result.returncode == EXIT_UNUSABLE
    assert reason in result.stderr
    assert reason in styx("plugins", "enable", "good", **environment).stderr


def test_preferring_settles_a_conflict(styx, site: Path):
    """Of two plugins that claim one name neither has it, until one is preferred."""
    plugin("rival", cloud="good", modules=FINE | {"cloud": GOOD_CLOUD.replace('"acme"', '"good"')}).install(site)
    clash = styx("plugins", "check", "rival")
    assert clash.returncode == EXIT_UNUSABLE
    assert "the cloud name 'good' is claimed by good as well" in clash.stdout
    assert styx("plugins", "enable", "rival", "--prefer", "cloud:good").stderr == "rival is ok.\n"
    assert styx("plugins", "check", "rival").returncode == 0
    found = {each["name"]: each for each in json.loads(styx("plugins", "list", "-o", "json").stdout)}
    assert found["good"]["reason"] == "the cloud name 'good' is left to rival, as you prefer"
    assert styx("good").returncode == 0


def test_preferring_a_plugin_over_core(styx):
    """The user may give core's cloud to a plugin, but not core's command."""
    told = styx("plugins", "enable", "taken", "--prefer", "cloud:local").stderr
    assert told == "taken is conflict: the command name 'launch' is core's own.\n"
    found = {each["name"]: each for each in json.loads(styx("plugins", "list", "-o", "json").stdout)}
    assert found["local"]["reason"] == "the cloud name 'local' is left to taken, as you prefer"
    styx("plugins", "enable", "taken", "--prefer", "command:launch")
    assert "making the cluster if need be" in styx("launch", "--help").stdout


def test_unknown_names(styx):
    """A plugin that is not installed is bad input with the nearest name."""
    for words in (["show", "god"], ["check", "god"], ["enable", "god"], ["disable", "god"]):
        result = styx("plugins", *words)
        assert result.returncode == 2
        assert "Did you mean 'good'?" in result.stderr


def test_refresh(styx, site: Path, styx_home: Path):
    """Refreshing reads everything again, also where nothing seems to have changed."""
    styx("--help")
    (stored,) = (styx_home / "cache").iterdir()
    data = json.loads(stored.read_text())
    data["index"]["plugins"] = [each for each in data["index"]["plugins"] if each["manifest"]["name"] != "good"]
    data["stamp"][1] = data["stamp"][1][: len(data["index"]["plugins"])]
    # A tampered index that looks fresh: the stamp of what is left in it.
    from styx.plugins import index

    data["stamp"][1] = index._manifests(data["index"])
    stored.write_text(json.dumps(data))
    assert "good" not in styx("--help").stdout.split()
    assert styx("plugins", "refresh").stderr.startswith("Read ")
    assert "good" in styx("--help").stdout.split()


def test_settings_that_cannot_be_read(styx, styx_home: Path):
    """Switches that cannot be read stop everything that could import a plugin, and nothing else."""
    styx_home.mkdir(exist_ok=True)
    (styx_home / "plugins.json").write_text("{")
    for words in (["good"], ["--help"], ["plugins", "list"], ["launch", "-c", "dev", "ls"], ["check"]):
        result = styx(*words)
        assert (result.returncode, result.stdout) == (2, ""), words
        assert str(styx_home / "plugins.json") in result.stderr
        assert "Traceback" not in result.stderr
    for words in (["--version"], ["status"], ["config", "list"], ["completion", "bash"]):
        assert styx(*words).returncode == 0, words
