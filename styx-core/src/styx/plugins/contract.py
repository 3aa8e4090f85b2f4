"""Does a plugin's class keep the contract of its kind? What can be told without making an object of it."""

from __future__ import annotations

from importlib import import_module
from inspect import isabstract
from typing import TYPE_CHECKING, Any

from styx.api.errors import PluginError
from styx.plugins.isolation import load_target
from styx.plugins.kinds import KINDS

if TYPE_CHECKING:
    from styx.api.catalog import Refresher

AUTHORS_FAULT = "Its author has to mend it."


def base_class(kind: str) -> type[Any]:
    """The class in the contract that every provider of this kind subclasses."""
    base: type[Any] = _import(KINDS[kind].base)
    return base


def checked_class(plugin: str, kind: str, name: str, found: object) -> type[Any]:
    """``found`` as a class that fills the contract of its kind. Raises PluginError that says what is missing."""
    base = base_class(kind)
    what = f"{kind} {name!r} of plugin {plugin!r}"
    if not isinstance(found, type):
        raise _broken(plugin, f"{what} is not a class but {type(found).__name__}")
    if not issubclass(found, base):
        raise _broken(plugin, f"{what}: {found.__qualname__} does not subclass styx.api.{base.__name__}")
    missing = sorted(getattr(found, "__abstractmethods__", ()))
    if missing:
        raise _broken(plugin, f"{what}: {found.__qualname__} does not define {', '.join(missing)}")
    for attribute in base.__annotations__:
        if not hasattr(found, attribute):
            raise _broken(plugin, f"{what}: {found.__qualname__} does not set {attribute}")
    if found.name != name:  # type: ignore[attr-defined]
        raise _broken(plugin, f"{what}: {found.__qualname__}.name is {found.name!r}")  # type: ignore[attr-defined]
    return found


def load_refresher(plugin: str, target: str) -> type[Refresher]:
    """The class that a manifest names to renew a catalog. Raises PluginError that says what is wrong with it."""
    from styx.api.catalog import Refresher

    found = load_target(plugin, target)
    if not (isinstance(found, type) and issubclass(found, Refresher)):
        raise _broken(plugin, f"{target} is not a subclass of styx.api.Refresher")
    if isabstract(found):
        raise _broken(plugin, f"{target} lacks a method of styx.api.Refresher")
    return found


def capabilities_of(kind: str, found: type[Any]) -> set[str]:
    """The capabilities that the class has the methods for, whatever its manifest claims."""
    return {name for name, protocol in KINDS[kind].capabilities.items() if issubclass(found, _import(protocol))}


def check_capabilities(plugin: str, kind: str, name: str, found: type[Any], claimed: set[str]) -> None:
    """Raise PluginError when the manifest claims other capabilities than the class has."""
    actual = capabilities_of(kind, found)
    for capability in sorted(claimed - actual):
        message = f"the manifest of plugin {plugin!r} says {kind} {name!r} can {capability}; its class cannot"
        raise _broken(plugin, message)
    for capability in sorted(actual - claimed):
        raise _broken(plugin, f"{kind} {name!r} of plugin {plugin!r} can {capability}; its manifest does not say so")


def _import(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


def _broken(plugin: str, message: str) -> PluginError:
    return PluginError(message, hint=AUTHORS_FAULT, plugin=plugin, status="broken")
