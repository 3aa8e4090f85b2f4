"""The plugin manager: what is there, whether it can be used, and the way to load and call it."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from styx.api.errors import PluginError, StyxError
from styx.api.services import Services
from styx.plugins import index
from styx.plugins.config import load_model, validated
from styx.plugins.contract import checked_class
from styx.plugins.drivers import load_driver
from styx.plugins.entries import Provides
from styx.plugins.isolation import Collected, collect, guard, load_target
from styx.plugins.kinds import KINDS
from styx.plugins.status import CONFLICT, DISABLED, OK, Plugin, installed, with_dependencies

if TYPE_CHECKING:
    import pluggy

log = logging.getLogger("styx.plugins")


class Offered(NamedTuple):
    """One thing that a plugin provides, and whether it can be used (``status`` ok) or why not and what to do."""

    kind: str
    name: str
    target: str
    config: str
    plugin: str
    capabilities: tuple[str, ...]
    status: str
    reason: str
    fix: str


class PluginManager:
    """All installed plugins as of one moment. Listing imports none of them; loading and calling are guarded."""

    def __init__(self, plugins: Sequence[Plugin], ambiguous: Collection[str] = ()) -> None:
        self.plugins = plugins
        self._ambiguous = ambiguous
        self._classes: dict[tuple[str, str], type[Any]] = {}

    @classmethod
    def installed(cls) -> PluginManager:
        """The plugins of this interpreter under the user's settings. Raises InvalidConfig for bad settings."""
        return cls([with_dependencies(plugin) for plugin in installed()], index.read()["ambiguous"])

    # --- one of N, by name ---

    def provided(self, kind: str) -> list[Offered]:
        """Everything installed of this kind, usable or not, sorted by name. No plugin is imported."""
        return sorted(_offered(self.plugins, kind), key=lambda each: (each.name, each.plugin))

    def names(self, kind: str) -> list[str]:
        """The names of this kind that can be used, sorted. No plugin is imported."""
        return [each.name for each in self.provided(kind) if each.status == OK]

    def load(self, kind: str, name: str) -> type[Any]:
        """The class of this name, which keeps the contract of its kind. Idempotent.

        Raises PluginError that says what is wrong: no such name, switched off, in conflict, broken, and so on.
        """
        if (kind, name) not in self._classes:
            offered = self._find(kind, name)
            if f"{kind}:{name}" in self._ambiguous:
                found = load_target(offered.plugin, offered.target)
            else:
                found = load_driver(offered.plugin, kind, name, offered.target)
            self._classes[kind, name] = checked_class(offered.plugin, kind, name, found)
        return self._classes[kind, name]

    def config_model(self, kind: str, name: str) -> type[Any] | None:
        """The pydantic model of its settings, or None when it takes none. Raises PluginError."""
        offered = self._find(kind, name)
        return load_model(offered.plugin, offered.config) if offered.config else None

    def create(self, kind: str, name: str, services: Services) -> Any:
        """A new object of this name, whose ``services.config`` has been checked by its config model.

        Raises PluginError when it cannot be loaded or made, InvalidConfig that names the field when the settings are
        wrong.
        """
        offered = self._find(kind, name)
        found = self.load(kind, name)
        settings = validated(offered.plugin, offered.config, services.config, f"{KINDS[kind].section}.{name}")
        with guard(offered.plugin, f"while making {kind} {name!r}"):
            return found(dataclasses.replace(services, config=settings))

    def capabilities(self, kind: str = "cloud") -> dict[str, list[str]]:
        """What the usable ones of this kind can: capability -> names. Capabilities that nobody has are there too."""
        usable = [each for each in self.provided(kind) if each.status == OK]
        return {
            capability: [each.name for each in usable if capability in each.capabilities]
            for capability in KINDS[kind].capabilities
        }

    def with_capability(self, capability: str, kind: str = "cloud") -> list[str]:
        """The usable ones of this kind that can do this."""
        return self.capabilities(kind).get(capability, [])

    # --- all of N: each may speak ---

    @cached_property
    def pm(self) -> pluggy.PluginManager:
        """pluggy, with a lazy stand-in registered for each usable plugin."""
        from styx.plugins.hooks import build

        return build(self.plugins)

    def implements(self, hook: str) -> bool:
        """Whether any plugin says something there. No plugin is imported."""
        return any(hook in plugin.manifest["implements"] for plugin in self.plugins)

    def collect(self, hook: str, **arguments: Any) -> Collected:
        """Ask every plugin that implements the hook, in order of name; failures are returned beside the results."""
        calls = [(plugin, partial(function, **arguments)) for plugin, function in self._implementations(hook)]
        return collect(calls, f"in {hook}")

    def call(self, hook: str, **arguments: Any) -> list[Any]:
        """What the plugins answered, in order of name; failures are logged, with who failed, and otherwise ignored."""
        results = []
        for plugin, function in self._implementations(hook):
            collected = collect([(plugin, partial(function, **arguments))], f"in {hook}")
            results += [result for _, result in collected.results]
            for failure in collected.failures:
                said = failure.message if isinstance(failure, PluginError) else f"plugin {plugin!r}: {failure.message}"
                log.warning("%s (nothing else is affected)", said.removesuffix("."))
        return results

    def first(self, hook: str, **arguments: Any) -> Any:
        """The first answer that is not None, in order of name; None when nobody has one.

        A plugin that fails does not keep the others from answering; its error is raised when no answer came.
        """
        failures: list[StyxError] = []
        for plugin, function in self._implementations(hook):
            collected = collect([(plugin, partial(function, **arguments))], f"in {hook}")
            if collected.results:
                return collected.results[0][1]
            failures += collected.failures
        if failures:
            raise failures[0]
        return None

    def fold_policy(self, task: Mapping[str, Any], operation: str, user: str) -> Mapping[str, Any]:
        """The task of this user as the policies leave it, each given what the one before returned.

        Raises BadInput when one refuses. A policy that fails, or that is installed but cannot be used, refuses as well
        (PluginError): only one that was switched off on purpose is passed over.
        """
        for plugin in self.plugins:
            if "styx_policy" in plugin.manifest["implements"] and plugin.status not in (OK, CONFLICT, DISABLED):
                raise unusable(f"the policy of plugin {plugin.name!r}", plugin)
        for name, function in self._implementations("styx_policy"):
            with guard(name, "in styx_policy"):
                changed = function(task=task, operation=operation, user=user)
            if not isinstance(changed, Mapping | None):
                raise PluginError(f"the policy of plugin {name!r} returned {type(changed).__name__}, not a mapping")
            task = task if changed is None else changed
        return task

    def _implementations(self, hook: str) -> list[tuple[str, Callable[..., Any]]]:
        """Who implements the hook. Where nobody does, pluggy is not even imported."""
        if not self.implements(hook):
            return []
        from styx.plugins.hooks import implementations

        return implementations(self.pm, hook)

    def _find(self, kind: str, name: str) -> Offered:
        """What is provided under this name and can be used. Raises PluginError when there is no such thing."""
        found = [each for each in self.provided(kind) if each.name == name]
        for each in found:
            if each.status == OK:
                return each
        if not found:
            raise self._not_installed(kind, name)
        first = found[0]
        raise PluginError(
            f"{kind} {name!r} of plugin {first.plugin!r} cannot be used ({first.status}): {first.reason}",
            hint=first.fix,
            plugin=first.plugin,
            status=first.status,
        )

    def _not_installed(self, kind: str, name: str) -> PluginError:
        from difflib import get_close_matches

        names = self.names(kind)
        near = get_close_matches(name, names, n=1)
        guess = f"Did you mean {near[0]!r}? " if near else ""
        return PluginError(
            f"no plugin provides a {kind} named {name!r}",
            hint=f"{guess}Installed: {', '.join(names) or 'none'}. Or install the plugin that has it.",
        )


def unusable(what: str, plugin: Plugin, claim: str = "") -> PluginError:
    """The error that says why something of this plugin (what it claims as ``claim``) cannot be used, and what to do."""
    reason, fix = plugin.why(claim)
    return PluginError(
        f"{what} cannot be used ({plugin.status}): {reason}",
        hint=fix,
        plugin=plugin.name,
        status=plugin.status,
    )


def _offered(plugins: Sequence[Plugin], kind: str) -> Iterator[Offered]:
    for plugin in plugins:
        for provided in plugin.manifest["provides"]:
            if provided["kind"] == kind:
                yield _judged(plugin, provided)


def _judged(plugin: Plugin, provided: Provides) -> Offered:
    """A plugin in conflict over one name still serves the others."""
    claim = f"{provided['kind']}:{provided['name']}"
    fine, why = plugin.serves(claim), plugin.why(claim)
    return Offered(
        kind=provided["kind"],
        name=provided["name"],
        target=provided["target"],
        config=provided["config"],
        plugin=plugin.name,
        capabilities=tuple(provided["capabilities"]),
        status=OK if fine else plugin.status,
        reason="" if fine else why.reason,
        fix="" if fine else why.fix,
    )
