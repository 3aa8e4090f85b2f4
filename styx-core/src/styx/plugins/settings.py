"""What the user lets plugins do: ``$STYX_HOME/plugins.json``, and two environment variables that add to it.

JSON, because it is read on the way to ``styx --help``, where YAML would cost more than everything else. Allow lists
name everything that may be used, core's own plugins too; deny lists win over them.
"""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

from styx.plugins import paths

ALLOW_VARIABLE = "STYX_PLUGINS_ALLOW"
DENY_VARIABLE = "STYX_PLUGINS_DENY"


class PluginSettings(NamedTuple):
    """``allow`` None means all. ``prefer`` maps a claim such as ``cloud:acme`` to the plugin that shall have it."""

    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()
    prefer: dict[str, str] = {}  # noqa: RUF012 - a NamedTuple's default; nobody changes it

    def off(self, plugin: str) -> tuple[str, str] | None:
        """Why the plugin is switched off and what switches it on, or None when it is not off."""
        enable = f"`styx plugins enable {plugin}` switches it on."
        if plugin in (_from_environment(DENY_VARIABLE) or ()):
            return f"{DENY_VARIABLE} names it", f"Take it out of the environment variable {DENY_VARIABLE}."
        if plugin in self.deny:
            return f"it is switched off in {paths.settings_file()}", enable
        allowed = _from_environment(ALLOW_VARIABLE)
        if allowed is not None and plugin not in allowed:
            return f"{ALLOW_VARIABLE} does not name it", f"Add it to the environment variable {ALLOW_VARIABLE}."
        if self.allow is not None and plugin not in self.allow:
            return f"the allow list in {paths.settings_file()} does not name it", enable
        return None


def load_settings() -> PluginSettings:
    """Read the settings; a missing file is an empty one.

    Raises InvalidConfig when the file cannot be understood: a deny list must not be lost to a typing error.
    """
    path = paths.settings_file()
    try:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
    except FileNotFoundError:
        return PluginSettings()
    except (OSError, ValueError, RecursionError) as error:
        raise _invalid(path, f"cannot be read: {error}") from error
    return _check(data, path)


def save_settings(settings: PluginSettings) -> None:
    """Replace the file whole. Raises InvalidConfig when it cannot be written."""
    data: dict[str, Any] = {"deny": sorted(settings.deny), "prefer": settings.prefer}
    if settings.allow is not None:
        data["allow"] = sorted(settings.allow)
    path = paths.settings_file()
    try:
        paths.write_atomically(path, json.dumps(data, indent=2) + "\n")
    except OSError as error:
        raise _invalid(path, f"cannot be written: {error.strerror}") from error


def _check(data: object, path: str) -> PluginSettings:
    if not isinstance(data, dict):
        raise _invalid(path, "must hold a JSON object")
    for key in data:
        if key not in PluginSettings._fields:
            raise _invalid(path, f"has the unknown key {key!r}; known are {', '.join(PluginSettings._fields)}")
    prefer = data.get("prefer", {})
    if not isinstance(prefer, dict) or not all(isinstance(name, str) for name in prefer.values()):
        raise _invalid(path, "prefer must map names to plugins")
    allow = _names(data, "allow", path) if data.get("allow") is not None else None
    return PluginSettings(allow, _names(data, "deny", path), prefer)


def _names(data: dict[str, Any], key: str, path: str) -> tuple[str, ...]:
    value = data.get(key, [])
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise _invalid(path, f"{key} must be a list of plugin names")
    return tuple(value)


def _from_environment(variable: str) -> tuple[str, ...] | None:
    text = os.environ.get(variable)
    if text is None:
        return None
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _invalid(path: str, problem: str) -> Exception:
    from styx.api.errors import InvalidConfig

    return InvalidConfig(f"{path} {problem}", hint="Mend the file, or remove it to start afresh.", file=path)
