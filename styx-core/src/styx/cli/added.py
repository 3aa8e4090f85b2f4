"""The commands that plugins add: listed from the index, imported under guard, and explained when they cannot run."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

import click

from styx.cli.table import COMMANDS, CommandRow
from styx.plugins import status

if TYPE_CHECKING:
    from styx.plugins.entries import Command
    from styx.plugins.status import Plugin


@cache
def plugins() -> list[Plugin]:
    """Every installed plugin, judged with core's commands in mind. No plugin is imported. Raises InvalidConfig."""
    return status.installed(COMMANDS)


def all_rows() -> dict[str, CommandRow]:
    """Core's commands, then those of plugins. What cannot be used stays listed, with the status of its plugin."""
    added = [(plugin, command) for plugin in plugins() for command in plugin.manifest["commands"]]
    # Where several plugins claim a name, the one that may have it comes first.
    added.sort(key=lambda each: not _serves(*each))
    rows = dict(COMMANDS)
    for plugin, command in added:
        text = command["help"] if _serves(plugin, command) else f"{command['help']} [{plugin.status}]"
        row = CommandRow(command["name"], command["target"], text, command["section"], plugin.name)
        rows.setdefault(row.name, row)
    return rows


def _serves(plugin: Plugin, command: Command) -> bool:
    return plugin.serves(f"command:{command['name']}")


def load(row: CommandRow, ctx: click.Context) -> click.Command:
    """Import a plugin's command. Raises PluginError that explains why it cannot be used.

    The command finds in ``ctx.obj`` a function without arguments that returns the plugin's checked settings.
    """
    from styx.api.errors import PluginError
    from styx.plugins.isolation import load_target
    from styx.plugins.manager import unusable

    plugin = next(status.with_dependencies(each) for each in plugins() if each.name == row.plugin)
    try:
        claim = f"command:{row.name}"
        if not plugin.serves(claim):
            raise unusable(f"the command {row.name!r} of plugin {plugin.name!r}", plugin, claim)
        command = load_target(plugin.name, row.target)
        if not isinstance(command, click.Command):
            raise PluginError(f"{row.target} of plugin {plugin.name!r} is not a click command", plugin=plugin.name)
    except PluginError:
        if ctx.resilient_parsing:  # completion has no place for an explanation
            return click.Command(row.name)
        raise
    ctx.obj = partial(_settings, plugin)
    return command


def _settings(plugin: Plugin) -> Any:
    from styx.plugins.config import checked_plugin_config

    return checked_plugin_config(plugin.name, plugin.manifest["config"])
