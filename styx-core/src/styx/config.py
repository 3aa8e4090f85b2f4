"""Where Styx keeps its things, and what the user has set.

Settings live in ``$STYX_HOME/config.yaml`` (``~/.styx`` by default)::

    database: postgresql+psycopg://styx@db.example.org/styx   # else SQLite below the home
    allowed_clouds: [local, ssh]                              # else every installed one
    clouds:
      ssh: {pools: {lab: {hosts: [me@10.0.0.5]}}}             # one section per cloud, checked by its plugin
    storage:
      file: {root: /srv/styx}
    plugins:
      notify: {urls: [https://example.org/hook]}

``STYX_DATABASE_URL`` wins over ``database``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from styx.api.errors import InvalidConfig

FILE_NAME = "config.yaml"
DATABASE_VARIABLE = "STYX_DATABASE_URL"


def home() -> Path:
    """The root of all state of this installation: ``$STYX_HOME`` or ``~/.styx``. It need not exist yet.

    Raises InvalidConfig for one that is not text, which much of what is written into it must be.
    """
    # os.path, because pathlib raises where there is no home; as styx.plugins.paths and styx.store.peek have it.
    path = os.path.abspath(os.path.expanduser(os.environ.get("STYX_HOME") or "~/.styx"))  # noqa: PTH100, PTH111
    try:
        path.encode()
    except UnicodeEncodeError:
        raise InvalidConfig(f"{path!r} is not UTF-8 text", hint="Set STYX_HOME to a directory whose name is.") from None
    return Path(path)


@dataclass(frozen=True, slots=True)
class Config:
    """The user's settings; sections of plugins are kept as they are, for their own models to check."""

    database: str | None = None
    allowed_clouds: tuple[str, ...] | None = None
    clouds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    storage: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    backends: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    engines: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sandboxes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    plugins: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def section(self, kind: str, name: str) -> Mapping[str, Any]:
        """The settings of one plugin object; ``kind`` as in the contract: cloud, backend, storage, engine, sandbox."""
        group: Mapping[str, Mapping[str, Any]] = getattr(self, _GROUP_OF_KIND[kind])
        return group.get(name, {})


_GROUP_OF_KIND = {
    "cloud": "clouds",
    "backend": "backends",
    "storage": "storage",
    "engine": "engines",
    "sandbox": "sandboxes",
}
_GROUPS = (*_GROUP_OF_KIND.values(), "plugins")


def load_config(path: Path | None = None) -> Config:
    """Read the configuration file, where there is one, and the environment. Raises InvalidConfig naming the key."""
    path = path or home() / FILE_NAME
    try:
        config = parse_config(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        config = Config()
    except OSError as error:
        raise InvalidConfig(
            f"cannot read {path}: {error.strerror}",
            hint="Mend it, or set STYX_HOME to another directory.",
            file=str(path),
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidConfig(f"cannot read {path}: it is not UTF-8 text", file=str(path)) from error
    url = os.environ.get(DATABASE_VARIABLE)
    return replace(config, database=url) if url else config


def parse_config(text: str, source: str = FILE_NAME) -> Config:
    """Read configuration text; ``source`` names it in errors. Raises InvalidConfig."""
    from styx import plain_yaml

    data = plain_yaml.read(text, source)
    if data is None:
        return Config()
    if not isinstance(data, dict):
        raise InvalidConfig(f"{source} must hold a mapping, not {type(data).__name__}", file=source)
    return _check(data, source)


def _check(data: Mapping[Any, Any], source: str) -> Config:
    known = ("database", "allowed_clouds", *_GROUPS)
    for key in data:
        if key not in known:
            raise InvalidConfig(
                f"{source}: unknown key {key!r}", hint=_suggest(str(key), known), file=source, field=key
            )
    database = data.get("database")
    if database is not None and not isinstance(database, str):
        raise InvalidConfig(f"{source}: database must be a URL", file=source, field="database")
    allowed = data.get("allowed_clouds")
    if allowed is not None and not (isinstance(allowed, list) and all(isinstance(name, str) for name in allowed)):
        raise InvalidConfig(f"{source}: allowed_clouds must be a list of names", file=source, field="allowed_clouds")
    groups: dict[str, Mapping[str, Mapping[str, Any]]] = {}
    for group in _GROUPS:
        sections = data.get(group) or {}
        if not isinstance(sections, dict) or not all(isinstance(s, dict | None) for s in sections.values()):
            raise InvalidConfig(f"{source}: {group} must map names to settings", file=source, field=group)
        groups[group] = {str(name): section or {} for name, section in sections.items()}
    return Config(database=database, allowed_clouds=None if allowed is None else tuple(allowed), **groups)


def _suggest(word: str, known: tuple[str, ...]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(word, known, 1)
    return f"Did you mean {close[0]!r}?" if close else f"Known keys: {', '.join(known)}."
