"""Settings of plugins, checked by the plugin's own pydantic model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from styx.api.errors import InvalidConfig, PluginError
from styx.plugins.isolation import guard, load_target
from styx.plugins.unknown_keys import FORBIDDEN, unknown_key

MISSING = "missing"  # as pydantic calls a field that is required and not there


def plugin_config(name: str) -> Mapping[str, Any]:
    """The settings section ``plugins.<name>``; empty when there is none. Raises InvalidConfig."""
    from styx.config import load_config

    return load_config().plugins.get(name, {})


def checked_plugin_config(name: str, target: str) -> Any:
    """The settings of the plugin itself (not of what it provides), checked by the model that its manifest names.

    Raises InvalidConfig, and PluginError when there is something wrong with the model.
    """
    return validated(name, target, plugin_config(name), f"plugins.{name}")


def load_model(plugin: str, target: str) -> type[Any]:
    """The pydantic model that a manifest names. Raises PluginError when it is not one."""
    from pydantic import BaseModel

    model = load_target(plugin, target)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise PluginError(f"{target} of plugin {plugin!r} is not a pydantic model", plugin=plugin, status="broken")
    return model


def validated(plugin: str, target: str, data: Any, section: str, *, partial: bool = False) -> Any:
    """``data`` as an instance of the model, or as it is when the manifest names none.

    With ``partial`` it may lack what the model requires, and is then returned as it is.
    Raises InvalidConfig that names the field as it is written in the settings, like ``clouds.ssh.pools.lab.hosts``.
    """
    if not target:
        return data
    from pydantic import ValidationError

    model = load_model(plugin, target)
    if isinstance(data, model):
        return data
    with guard(plugin, f"while checking the settings {section}"):
        try:
            return model.model_validate(data)
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False)
            wrong = [each for each in found if not (partial and each["type"] == MISSING)]
            if not wrong:
                return data
            raise _invalid(model, wrong, section) from None


def _invalid(model: type[Any], errors: Sequence[Mapping[str, Any]], section: str) -> InvalidConfig:
    """The error for the first mistake; a misspelt key comes first, for the key that it stands for is then missing."""
    first = min(errors, key=lambda each: each["type"] != FORBIDDEN)
    path, what = first["loc"], first["msg"]
    if first["type"] == FORBIDDEN:
        what, path = unknown_key(model, path), path[:-1]
    field = ".".join((section, *map(str, path)))
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return InvalidConfig(f"settings: {field}: {what}{more}", hint="`styx config list` shows all settings.", field=field)
