"""Groups that import a command only to run or explain it, and the commands that plugins add."""

import sys

import click
import pytest
from click.testing import CliRunner

from styx.api import PluginError
from styx.cli import added
from styx.cli.lazy import LazyGroup, import_command
from styx.cli.table import COMMANDS, SECTIONS, CommandRow
from styx.plugins.settings import PluginSettings, save_settings
from support.plugin_packages import COMMAND, MANIFEST, Package

ROWS = {
    "go": CommandRow("go", "colorsys:go", "Go somewhere.", SECTIONS[1]),
    "stay": CommandRow("stay", "colorsys:stay", "Stay.", SECTIONS[0]),
    "more": CommandRow("more", "colorsys:more", "More.", "Elsewhere"),
}
GROUP = LazyGroup(name="prog", rows=lambda: ROWS)


def test_help_and_completion_import_nothing():
    """Listing, by section, and completing need no command."""
    sys.modules.pop("colorsys", None)
    output = CliRunner().invoke(GROUP, ["--help"]).output
    assert output.index(f"{SECTIONS[0]}:") < output.index(f"{SECTIONS[1]}:") < output.index("Elsewhere:")
    offered = GROUP.shell_complete(click.Context(GROUP), "")
    assert [(item.value, item.help) for item in offered] == [(row.name, row.help) for row in ROWS.values()]
    assert [item.value for item in GROUP.shell_complete(click.Context(GROUP), "--h")] == ["--help"]
    assert GROUP.list_commands(click.Context(GROUP)) == list(ROWS)
    assert "colorsys" not in sys.modules


def test_import_command():
    """A row names where the command is."""
    row = CommandRow("status", "styx.cli.commands.status:status", "", "")
    assert import_command(row, click.Context(GROUP)).name == "status"


@pytest.mark.parametrize(("word", "guess"), [("goo", " Did you mean go?"), ("xyzzy", "")])
def test_unknown(word, guess):
    """An unknown command is told with the nearest ones."""
    result = CliRunner().invoke(GROUP, [word])
    assert (result.exit_code, f"There is no command {word!r}.{guess}\n" in result.output) == (2, True)


@pytest.mark.parametrize("row", COMMANDS.values(), ids=lambda row: row.name)
def test_rows_of_core(row):
    """Every row of core's table is the command that it says, with the help that its command has."""
    command = import_command(row, click.Context(GROUP))
    assert command.name == row.name
    assert row.section in SECTIONS
    assert row.help.endswith(".")


def installed() -> dict[str, CommandRow]:
    """All rows as of now."""
    from styx.plugins import reset

    reset()
    added.plugins.cache_clear()
    sys.path_importer_cache.clear()
    return added.all_rows()


@pytest.fixture
def site(tmp_path, monkeypatch):
    """An empty directory at the end of ``sys.path``."""
    directory = tmp_path / "site"
    directory.mkdir()
    monkeypatch.setattr(sys, "path", [*sys.path, str(directory)])
    yield directory
    for name in [name for name in sys.modules if name.startswith(("styx_acme", "styx_abc"))]:
        del sys.modules[name]


def test_commands_of_plugins(site):
    """A plugin's command is listed after core's and imported when it is used, with its settings at hand."""
    Package().install(site)
    rows = installed()
    assert list(rows)[: len(COMMANDS)] == list(COMMANDS)
    context = click.Context(GROUP)
    command = added.load(rows["acme"], context)
    assert command.name == "main"
    assert context.obj() == {}


RIVAL = Package(
    name="abc",
    manifest=MANIFEST.replace('name = "acme"', 'name = "abc"', 1).replace("styx_acme", "styx_abc"),
    clouds=("acme = styx_abc.cloud:AcmeCloud",),
)


def test_the_preferred_one_is_listed(site):
    """Of two that claim a command the preferred one has it, wherever it is in the alphabet."""
    Package().install(site)
    RIVAL.install(site)
    assert installed()["acme"].help.endswith("[conflict]")
    for name in ("acme", "abc"):
        save_settings(PluginSettings(prefer={"command:acme": name}))
        row = installed()["acme"]
        assert (row.plugin, row.help) == (name, "Look at your Acme account.")
        assert added.load(row, click.Context(GROUP)).callback.__module__ == f"styx_{name}.cli"


@pytest.mark.parametrize("code", ["main = 5", "raise RuntimeError", "import sys; sys.exit()", "import acme_sdk"])
def test_commands_that_cannot_be_used(site, code):
    """What is wrong is a PluginError; while a shell completes it is an empty command instead."""
    Package(modules={"cli": code, "cloud": ""}).install(site)
    row = installed()["acme"]
    with pytest.raises(PluginError):
        added.load(row, click.Context(GROUP))
    assert added.load(row, click.Context(GROUP, resilient_parsing=True)).params == []


def test_settings_of_a_command(site, styx_home):
    """A command gets the settings of its plugin, checked by the plugin's model."""
    config = "from pydantic import BaseModel\nclass Settings(BaseModel):\n    urls: list[str] = []\n"
    manifest = 'config = "styx_acme.config:Settings"\n' + MANIFEST
    Package(manifest=manifest, modules={"cli": COMMAND, "config": config, "cloud": ""}).install(site)
    context = click.Context(GROUP)
    added.load(installed()["acme"], context)
    assert context.obj().urls == []
    (styx_home / "config.yaml").write_text("plugins: {acme: {urls: [x]}}\n")
    assert context.obj().urls == ["x"]
