"""Secrets that a task names by where they are kept: a plugin looks them up, each time they are needed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from styx.api.errors import InvalidTask, PluginError, StyxError
from styx.engine.context import Context
from styx.engine.workers import Overdue, Workers
from styx.plugins.status import OK
from styx.spec.model import TaskSpec

HOOK = "styx_secret"
SECONDS = 300.0  # for the plugins to look one up; somebody may have to say yes to it somewhere


async def resolved(context: Context, task: TaskSpec) -> TaskSpec:
    """The task with the value behind every reference. The values are in what is returned, and nowhere else.

    Raises InvalidTask for a reference that no plugin answers, and what the plugin raises when it cannot look it up.
    """
    found: dict[str, str] = {}
    for reference in dict.fromkeys(task.secret_refs.values()):
        name = next(name for name, each in task.secret_refs.items() if each == reference)
        found[reference] = await _look_up(context, name, reference)
    values = {name: found[reference] for name, reference in task.secret_refs.items()}
    return replace(task, secrets={**task.secrets, **values}, secret_refs={})


async def _look_up(context: Context, name: str, reference: str) -> str:
    workers: Workers[object] = Workers(1, "styx-secret")
    try:
        look_up = partial(context.plugins.first, HOOK, reference=reference, user=context.user)
        value = await workers.run(look_up, SECONDS)
    except Overdue:
        raise PluginError(
            f"secret {name!r}: no answer for {reference!r} within {SECONDS:g} s", hint=_who(context)
        ) from None
    except StyxError as error:
        error.message = f"secret {name!r} ({reference}): {error.message}"
        error.args = (error.message,)
        raise
    if value is None:
        raise InvalidTask(
            f"secret {name!r}: no plugin knows the reference {reference!r}", hint=_who(context), field="secrets"
        )
    if not isinstance(value, str) or "\0" in value:
        raise InvalidTask(
            f"secret {name!r}: what a plugin gave for {reference!r} is not text for an environment variable",
            hint=_who(context),
            field="secrets",
        )
    return value


def _who(context: Context) -> str:
    """Which plugins look secrets up, and which would if they could be used."""
    plugins = [plugin for plugin in context.plugins.plugins if HOOK in plugin.manifest["implements"]]
    names = [each.name if each.status == OK else f"{each.name} ({each.status})" for each in plugins]
    if not names:
        return "No installed plugin looks secrets up; install one, or give the value itself with --secret."
    return f"Plugins that look secrets up: {', '.join(names)}."
