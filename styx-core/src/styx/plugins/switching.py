"""Switch plugins on and off, and settle conflicts: the changes to ``plugins.json`` that commands make."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from styx.api.errors import BadInput
from styx.plugins.settings import load_settings, save_settings
from styx.plugins.status import Plugin, claims


def find(plugins: Sequence[Plugin], name: str) -> Plugin:
    """The installed plugin of this name. Raises BadInput with a suggestion."""
    for plugin in plugins:
        if plugin.name == name:
            return plugin
    names = sorted({plugin.name for plugin in plugins})
    near = get_close_matches(name, names, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"Installed: {', '.join(names)}."
    raise BadInput(f"no plugin named {name!r} is installed", hint=hint)


def enable(plugin: Plugin, prefer: Sequence[str] = ()) -> None:
    """Switch the plugin on, and give it the names in ``prefer`` (like ``cloud:acme``). Idempotent.

    Raises BadInput when it does not claim such a name, InvalidConfig when the settings cannot be written.
    """
    mine = [claim for claim in claims(plugin.manifest) if not claim.startswith("plugin:")]
    for claim in prefer:
        if claim not in mine:
            raise BadInput(
                f"plugin {plugin.name!r} does not claim {claim!r}", hint=f"It claims {', '.join(mine) or 'no name'}."
            )
    settings = load_settings()
    allow = settings.allow
    save_settings(
        settings._replace(
            allow=None if allow is None else (*(name for name in allow if name != plugin.name), plugin.name),
            deny=tuple(name for name in settings.deny if name != plugin.name),
            prefer=settings.prefer | dict.fromkeys(prefer, plugin.name),
        )
    )


def disable(plugin: Plugin) -> None:
    """Switch the plugin off, and forget that it was preferred. Idempotent. Raises InvalidConfig."""
    settings = load_settings()
    save_settings(
        settings._replace(
            deny=(*(name for name in settings.deny if name != plugin.name), plugin.name),
            prefer={claim: holder for claim, holder in settings.prefer.items() if holder != plugin.name},
        )
    )
