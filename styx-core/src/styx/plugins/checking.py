"""Really load what a plugin promises, and compare it with what its manifest says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from styx.api.errors import PluginError, StyxError
from styx.plugins.config import load_model
from styx.plugins.contract import AUTHORS_FAULT, check_capabilities, load_refresher
from styx.plugins.entries import CatalogOf, Command, Provides
from styx.plugins.isolation import load_target
from styx.plugins.manager import PluginManager, unusable
from styx.plugins.status import CONFLICT, OK, Plugin


class Checked(NamedTuple):
    """One thing that was tried: ``status`` is ok or that of the plugin; ``reason`` and ``fix`` are empty when ok."""

    plugin: str
    what: str
    status: str
    reason: str = ""
    fix: str = ""


def check_plugin(
    manager: PluginManager, plugin: Plugin, on_error: Callable[[StyxError], None] = lambda _: None
) -> Iterator[Checked]:
    """Try everything the manifest promises, one after the other; a failure does not end the check.

    ``on_error`` is given each failure, whose cause tells more than its message.
    """
    if plugin.status not in {OK, CONFLICT}:
        yield Checked(plugin.name, "plugin", plugin.status, plugin.reason, plugin.fix)
        return
    for what, attempt in _promises(manager, plugin):
        try:
            attempt()
        except StyxError as error:
            on_error(error)
            status = str(error.details.get("status") or "broken")
            yield Checked(plugin.name, what, status, error.message, error.hint or AUTHORS_FAULT)
        else:
            yield Checked(plugin.name, what, OK)


def _promises(manager: PluginManager, plugin: Plugin) -> Iterator[tuple[str, Callable[[], object]]]:
    manifest, name = plugin.manifest, plugin.name
    for provided in manifest["provides"]:
        yield f"{provided['kind']} {provided['name']}", partial(_load, manager, plugin, provided)
    for command in manifest["commands"]:
        yield f"command {command['name']}", partial(_load_command, plugin, command)
    for catalog in manifest["catalogs"]:
        yield f"catalog {catalog['cloud']}", partial(_load_catalog, plugin, catalog)
    for hook in manifest["implements"]:
        yield f"hook {hook}", partial(_load_hook, name, manifest["hooks"], hook)
    if manifest["config"]:
        yield "settings", partial(load_model, name, manifest["config"])


def _load(manager: PluginManager, plugin: Plugin, provided: Provides) -> None:
    kind, name = provided["kind"], provided["name"]
    _require_served(plugin, kind, name)
    check_capabilities(plugin.name, kind, name, manager.load(kind, name), set(provided["capabilities"]))
    manager.config_model(kind, name)


def _load_command(plugin: Plugin, command: Command) -> None:
    import click

    _require_served(plugin, "command", command["name"])
    target = command["target"]
    if not isinstance(load_target(plugin.name, target), click.Command):
        raise PluginError(f"{target} is not a click command", plugin=plugin.name, status="broken")


def _load_catalog(plugin: Plugin, catalog: CatalogOf) -> None:
    """Whether it is there, and what renews it; what it says is looked at by `styx catalog status`."""
    _require_served(plugin, "catalog", catalog["cloud"])
    about = Path(plugin.entry["manifest_path"]).parent / catalog["snapshot"] / "snapshot.toml"
    if not about.is_file():
        raise PluginError(f"{about} does not exist", plugin=plugin.name, status="broken")
    if catalog["config"]:
        load_model(plugin.name, catalog["config"])
    if catalog["refresher"]:
        load_refresher(plugin.name, catalog["refresher"])


def _require_served(plugin: Plugin, kind: str, name: str) -> None:
    """Raise PluginError where the name is another's: then it is not this plugin's promise that would be tried."""
    claim = f"{kind}:{name}"
    if not plugin.serves(claim):
        raise unusable(f"{kind} {name!r} of plugin {plugin.name!r}", plugin, claim)


def _load_hook(plugin: str, source: str, hook: str) -> None:
    holder: Any = load_target(plugin, source)
    if not callable(getattr(holder, hook, None)):
        raise PluginError(f"{source} does not define {hook}", plugin=plugin, status="broken")
