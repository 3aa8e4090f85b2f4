"""Checking a section of the settings before it is written, by the model of the plugin that reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from styx.cli import added
from styx.cli.render import clean, note
from styx.plugins.kinds import KINDS
from styx.plugins.status import CONFLICT, OK, with_dependencies

if TYPE_CHECKING:
    from styx.plugins.status import Plugin

PLUGINS = "plugins"
CLOUDS = "clouds"
ACCOUNTS = "accounts"
BUDGET = "budget"
DATABASE = "database"
ALLOWED = "allowed_clouds"


def check(settings: Mapping[str, Any], key: str) -> None:
    """Check the section that ``key`` stands in, or all that stand below it; what is not there yet may be missing.

    That of a cloud is checked as each of its accounts will see it, and core's own by what they name.
    Raises InvalidConfig. A section that no usable plugin reads is kept and told to be unchecked.
    """
    group, *rest = key.split(".")
    if group in _OWN:
        _OWN[group](settings)
    sections = settings.get(group)
    if group in _groups() and isinstance(sections, Mapping):
        for name in rest[:1] or list(sections):
            _check(group, name, sections[name])


def known() -> Iterator[tuple[str, Plugin, str]]:
    """Every section that an installed plugin reads, like ``clouds.ssh``, with its plugin and the model's target."""
    groups = {kind.name: kind.section for kind in KINDS.values()}
    for plugin in added.plugins():
        if plugin.manifest["config"]:
            yield f"{PLUGINS}.{plugin.name}", plugin, plugin.manifest["config"]
        for provided in plugin.manifest["provides"]:
            if provided["config"]:
                yield f"{groups[provided['kind']]}.{provided['name']}", plugin, provided["config"]
        for catalog in plugin.manifest["catalogs"]:
            if catalog["config"] and catalog["cloud"] not in _clouds():
                yield f"{CLOUDS}.{catalog['cloud']}", plugin, catalog["config"]


# What does not even look like the setting is told on writing.


def _check_database(settings: Mapping[str, Any]) -> None:
    from styx.api.errors import InvalidConfig, StoreError
    from styx.store.database import parse_url

    url = settings.get(DATABASE)
    try:
        if isinstance(url, str):
            parse_url(url)
    except StoreError as error:
        raise InvalidConfig(f"settings: {DATABASE}: {error.message}", hint=error.hint, field=DATABASE) from error


def _check_allowed(settings: Mapping[str, Any]) -> None:
    allowed, clouds = settings.get(ALLOWED), _clouds()
    for name in allowed if isinstance(allowed, list) else ():
        if isinstance(name, str) and name not in clouds:
            note(f"No installed plugin provides a cloud {name!r}.{_guess(name, clouds)} It is kept.")


def _check_budget(settings: Mapping[str, Any]) -> None:
    from styx.config import require_clouds

    budget = settings.get(BUDGET)
    accounts = budget.get(ACCOUNTS) if isinstance(budget, Mapping) else None
    if isinstance(accounts, Mapping):
        require_clouds(map(str, accounts), [*_clouds(), *(settings.get(CLOUDS) or {})])


def _clouds() -> list[str]:
    """The clouds that installed plugins bring, usable or not."""
    return sorted(
        provided["name"]
        for plugin in added.plugins()
        for provided in plugin.manifest["provides"]
        if provided["kind"] == "cloud"
    )


def _groups() -> set[str]:
    return {PLUGINS, *(kind.section for kind in KINDS.values())}


def _check(group: str, name: str, data: Any) -> None:
    from styx.api.errors import PluginError
    from styx.plugins.config import validated

    start = f"{group}."
    section = f"{start}{name}"
    own, *accounts = _as_seen(group, data)
    found = [(with_dependencies(plugin), target) for each, plugin, target in known() if each == section]
    if not found and group == CLOUDS and name in _clouds():
        if isinstance(data, Mapping) and (own[1] or any(settings for _, settings in accounts)):
            note(f"Cloud {clean(name)} does not say what its settings are: {clean(section)} is kept unchecked.")
    elif not found and isinstance(data, Mapping | None):  # of what is no section writing has more to say
        guess = _guess(name, [each.removeprefix(start) for each, _, _ in known() if each.startswith(start)], start)
        note(f"No installed plugin reads {clean(section)}.{guess} It is kept as it is, unchecked.")
    for plugin, target in found:
        if plugin.status not in (OK, CONFLICT):
            note(f"{clean(section)} is kept unchecked: plugin {plugin.name} is {plugin.status}.")
            continue
        try:
            validated(plugin.name, target, own[1], section, partial=True)
            for account, settings in accounts:
                validated(plugin.name, target, settings, f"{section}.{ACCOUNTS}.{account}", partial=True)
        except PluginError as error:
            note(f"{clean(section)} is kept unchecked: {clean(error.message)}")


def _as_seen(group: str, data: Any) -> Iterator[tuple[str, Any]]:
    """The section itself, and then as it is for each account that it names; what is no account is told on writing."""
    if group != CLOUDS or not isinstance(data, Mapping):
        yield "", {} if data is None else data
        return
    own = {key: value for key, value in data.items() if key != ACCOUNTS}
    yield "", own
    accounts = data.get(ACCOUNTS)
    for account, settings in accounts.items() if isinstance(accounts, Mapping) else ():
        if isinstance(settings, Mapping | None):
            yield account, {**own, **(settings or {})}


def _guess(name: str, names: Sequence[str], start: str = "") -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, names, 1)
    return f" Did you mean {start}{near[0]}?" if near else ""


_OWN = {DATABASE: _check_database, ALLOWED: _check_allowed, BUDGET: _check_budget}
