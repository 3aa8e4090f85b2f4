"""Run code of plugins so that nothing it does takes anything else down.

The only place besides the outermost loops where every exception is caught: an import that fails, a call of
``sys.exit``, a missing library all become one :class:`PluginError` that names the plugin.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from styx.api.errors import NotYet, PluginError, StyxError
from styx.plugins.locate import find_spec


@contextmanager
def guard(plugin: str, doing: str) -> Iterator[None]:
    """Turn whatever the plugin's code raises into PluginError; what the contract lets it raise passes as it is.

    ``doing`` completes "plugin 'acme' failed ...", like ``while importing styx_acme.cloud``.
    """
    try:
        yield
    except (StyxError, NotYet, GeneratorExit):
        raise
    except BaseException as error:
        if _cancelled(error) or _interrupted(error):
            raise
        raise failure(plugin, doing, error) from error


def _cancelled(error: BaseException) -> bool:
    """Whether a task of ours is being cancelled. Where asyncio is not loaded none is, and loading it would be slow."""
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


def _interrupted(error: BaseException) -> bool:
    """Whether it is the user's Ctrl-C, which only the main thread ever gets; in another it would end an event loop."""
    import threading

    return isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread()


def failure(plugin: str, doing: str, error: BaseException) -> PluginError:
    """The error that says what a plugin did wrong."""
    missing = _missing_library(error)
    if missing:
        status, first = "missing-dependency", f"Install what has the module {missing!r}"
    else:
        status, first = "broken", f"Look closer with `styx --debug plugins check {plugin}`"
    return PluginError(
        f"plugin {plugin!r} failed {doing}: {describe(error)}",
        hint=f"{first}, or do without: `styx plugins disable {plugin}`.",
        plugin=plugin,
        status=status,
    )


def _missing_library(error: BaseException) -> str | None:
    """The library that is not installed at all, if that is the error; a module missing in one that is, is a mistake."""
    name = (isinstance(error, ModuleNotFoundError) and error.name) or ""
    top = name.partition(".")[0]
    return top if top and find_spec(top) is None else None


def describe(error: BaseException) -> str:
    """An exception in one line."""
    if isinstance(error, SystemExit):
        return f"it called sys.exit({error.code!r})"
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def load_target(plugin: str, target: str) -> Any:
    """Import ``module:attribute`` (or ``module``) of a plugin. Raises PluginError, whatever goes wrong in there."""
    module_name, _, attribute = target.partition(":")
    with guard(plugin, f"while importing {module_name}"):
        module = import_module(module_name)
        return getattr(module, attribute) if attribute else module


@dataclass(frozen=True, slots=True)
class Collected:
    """What a hook answered: (plugin, result) for each that had one to give, in order; an error for each that failed."""

    results: list[tuple[str, Any]] = field(default_factory=list)
    failures: list[StyxError] = field(default_factory=list)


def collect(calls: Iterable[tuple[str, Callable[[], Any]]], doing: str) -> Collected:
    """Call each plugin's implementation by itself, so that one that raises does not silence the others.

    pluggy drops everybody's result when one implementation raises. ``calls`` are (plugin, call without arguments);
    results that are None are left out.
    """
    collected = Collected()
    for plugin, call in calls:
        try:
            with guard(plugin, doing):
                result = call()
        except StyxError as error:
            collected.failures.append(error)
        else:
            if result is not None:
                collected.results.append((plugin, result))
    return collected
